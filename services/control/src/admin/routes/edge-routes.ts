/** Who runs which revision, and the head itself for edges that cannot reach the bus. */
import { SluiceError } from '@sluice/errors'
import { z } from 'zod'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApp } from '../fastify-types.ts'
import { pageOf, pageQuery, pageSchema } from '../parameters.ts'

const edgeSchema = z.object({
  name: z.string(), instance: z.string(), zone: z.string(), datacenter: z.string(), version: z.string(),
  revision: z.number(), workers: z.number(), state: z.enum(['live', 'leaving', 'missing']), lastHeartbeat: z.string(),
  refusal: z.object({ revision: z.number(), code: z.string(), pointer: z.string(), detail: z.string() }).optional(),
})

export function addEdgeRoutes(app: AdminApp, parts: AdminParts): void {
  app.get('/v1/edges', { schema: { tags: ['edges'], summary: 'Edges and the revision each runs', querystring: pageQuery, response: { 200: pageSchema(edgeSchema) } } }, (request, reply) => {
    return reply.send(pageOf(describeEdges(parts), request.query))
  })
  app.get('/v1/internal/config', { config: { access: 'edge' }, schema: { hide: true } }, (request, reply) => {
    const head = parts.rollout.head()
    if (head === undefined) throw new SluiceError('config.not_found', { detail: 'There is no revision yet' })
    const etag = `"${head.digest}"`
    reply.header('etag', etag).header('x-sluice-revision', String(head.revision)).header('cache-control', 'no-store')
    if (request.headers['if-none-match'] === etag) return reply.code(304).send()
    return reply.type('application/json').send(Buffer.from(head.document.buffer, head.document.byteOffset, head.document.byteLength))
  })
}

function describeEdges({ rollout }: AdminParts): z.output<typeof edgeSchema>[] {
  return rollout.edges().map(({ name, instance, zone, datacenter, version, revision, workers, state, lastHeartbeatMs, refusal }) => ({
    name, instance, zone, datacenter, version, revision, workers, state,
    lastHeartbeat: new Date(lastHeartbeatMs).toISOString(),
    ...(refusal === undefined ? {} : { refusal: { revision: refusal.revision, code: refusal.code, pointer: refusal.pointer, detail: refusal.detail } }),
  }))
}
