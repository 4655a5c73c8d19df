/** Endpoints with their health, and registration of those that announce themselves. */
import { SluiceError } from '@sluice/errors'
import { resourceName } from '@sluice/proto/config'
import { z } from 'zod'
import type { AdminParts } from '../admin-parts.ts'
import { readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { pageOf, pageQuery, pageSchema } from '../parameters.ts'
import { markTrial } from '../write-answers.ts'

const registration = z.strictObject({
  address: z.string().min(1).max(253).describe('Host name or address.'),
  port: z.int().min(1).max(65_535),
  healthUrl: z.string().max(2048).default('').describe('Probed instead of the upstream\'s health path.'),
  tags: z.array(z.string().max(128)).max(100).default([]),
  version: z.string().max(128).default(''),
  datacenter: z.string().max(64).default(''),
  zone: z.string().max(64).default(''),
  weight: z.number().min(0).max(1000).default(1),
})
const registrationParameters = z.object({ service: resourceName, id: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._:-]{0,255}$/, 'an id of letters, digits, ".", "_", ":" and "-"') })

export function addEndpointRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['endpoints']
  const query = pageQuery.extend({ upstream: z.string().max(128).default('').describe('Only those of this upstream.') })
  app.get('/v1/endpoints', { schema: { tags, summary: 'Endpoints and their health', querystring: query, response: { 200: pageSchema(z.looseObject({ name: z.string() })) } } }, async (request) => {
    return pageOf(await parts.endpoints.list(request.query.upstream), request.query)
  })
  app.put('/v1/endpoints/:service/:id', { schema: { tags, summary: 'Register an instance; repeated, its heartbeat', params: registrationParameters, body: registration, response: { 200: z.object({ heartbeatSeconds: z.number() }), 201: z.object({ heartbeatSeconds: z.number() }) } } }, async (request, reply) => {
    const { created, heartbeatSeconds } = await parts.endpoints.register({ ...request.params, ...readBody(registration, request.body) })
    // A heartbeat every ten seconds is no change that anybody looks up.
    if (!created) markTrial(request)
    return reply.code(created ? 201 : 200).send({ heartbeatSeconds })
  })
  app.delete('/v1/endpoints/:service/:id', { schema: { tags, summary: 'Deregister an instance', params: registrationParameters } }, async (request, reply) => {
    const { service, id } = request.params
    if (!(await parts.endpoints.deregister(service, id))) throw new SluiceError('config.not_found', { detail: `${service} has no instance "${id}"` })
    return reply.code(204).send()
  })
}
