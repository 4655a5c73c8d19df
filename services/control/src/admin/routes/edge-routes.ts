/** Who runs which revision, and the head itself for edges that cannot reach the bus. */
import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf'
import { SluiceError } from '@sluice/errors'
import { ConfigReplySchema, ConfigRequestSchema, ConfigSegmentsReplySchema, ConfigSegmentsRequestSchema } from '@sluice/proto/messages/control'
import { z } from 'zod'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApp } from '../fastify-types.ts'
import { pageOf, pageQuery, pageSchema } from '../parameters.ts'

const protobuf = 'application/x-protobuf'
/** Room for the digests of all segments. */
const maxQuestionBytes = 64 * 1024

const edgeSchema = z.object({
  name: z.string(), instance: z.string(), zone: z.string(), datacenter: z.string(), version: z.string(),
  revision: z.number(), workers: z.number(), state: z.enum(['live', 'leaving', 'missing']), lastHeartbeat: z.string(),
  breakGlass: z.array(z.string()).optional().describe('Ids of the break-glass orders that it obeys.'),
  refusal: z.object({ revision: z.number(), code: z.string(), pointer: z.string(), detail: z.string() }).optional(),
})

export function addEdgeRoutes(app: AdminApp, parts: AdminParts): void {
  app.get('/v1/edges', { schema: { tags: ['edges'], summary: 'Edges and the revision each runs', querystring: pageQuery, response: { 200: pageSchema(edgeSchema) } } }, (request, reply) => {
    return reply.send(pageOf(describeEdges(parts), request.query))
  })
  addPulls(app, parts)
}

/** The questions that edges ask over the bus, for those that cannot reach it: the same messages, in protobuf. */
function addPulls(app: AdminApp, { rollout }: AdminParts): void {
  const options = { config: { access: 'edge' as const }, schema: { hide: true }, bodyLimit: maxQuestionBytes }
  app.addContentTypeParser(protobuf, { parseAs: 'buffer', bodyLimit: maxQuestionBytes }, (_request, body, done) => done(null, body))
  app.post('/v1/internal/config', options, async (request, reply) => {
    const answer = await rollout.serving.answer(readQuestion(ConfigRequestSchema, request.body))
    return reply.type(protobuf).send(Buffer.from(toBinary(ConfigReplySchema, create(ConfigReplySchema, answer))))
  })
  app.post('/v1/internal/config/segments', options, (request, reply) => {
    const answer = rollout.serving.answerSegments(readQuestion(ConfigSegmentsRequestSchema, request.body))
    return reply.type(protobuf).send(Buffer.from(toBinary(ConfigSegmentsReplySchema, create(ConfigSegmentsReplySchema, answer))))
  })
}

function readQuestion<M extends DescMessage>(type: M, body: unknown): MessageShape<M> {
  try {
    if (body instanceof Uint8Array) return fromBinary(type, body)
  } catch {
    // Said below, as for a body of another type.
  }
  throw new SluiceError('client.bad_request', { detail: `A question for the configuration is a ${type.typeName} as ${protobuf}` })
}

function describeEdges({ rollout }: AdminParts): z.output<typeof edgeSchema>[] {
  return rollout.edges().map(({ name, instance, zone, datacenter, version, revision, workers, state, lastHeartbeatMs, orders, refusal }) => ({
    name, instance, zone, datacenter, version, revision, workers, state,
    lastHeartbeat: new Date(lastHeartbeatMs).toISOString(),
    ...(orders.length > 0 && { breakGlass: orders.map((order) => order.split('@')[0]!) }),
    ...(refusal === undefined ? {} : { refusal: { revision: refusal.revision, code: refusal.code, pointer: refusal.pointer, detail: refusal.detail } }),
  }))
}
