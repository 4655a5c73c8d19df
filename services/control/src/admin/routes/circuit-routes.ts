/** Circuits of upstreams: their state on the edges, opened and closed by hand. */
import { SluiceError } from '@sluice/errors'
import { resourceName } from '@sluice/proto/config'
import { z } from 'zod'
import type { AdminParts } from '../admin-parts.ts'
import { readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { pageOf, pageQuery, pageSchema } from '../parameters.ts'

const order = z.strictObject({
  state: z.enum(['open', 'closed', 'automatic']).describe('`open`: nothing is sent, on every edge, until told otherwise; `closed`: no failure opens it; `automatic`: the edges decide.'),
})
const parameters = z.object({ upstream: resourceName })

export function addCircuitRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['circuits']
  app.get('/v1/circuits', { schema: { tags, summary: 'Circuits, and endpoints that edges leave out', querystring: pageQuery, response: { 200: pageSchema(z.looseObject({ name: z.string() })) } } }, async (request) => {
    return pageOf(await parts.circuits.list(), request.query)
  })
  app.put('/v1/circuits/:upstream', { schema: { tags, summary: 'Open or close a circuit by hand', params: parameters, body: order, response: { 200: z.object({ name: z.string(), held: z.string().nullable() }) } } }, async (request) => {
    const { upstream } = request.params
    const { state } = readBody(order, request.body)
    const held = state === 'automatic' ? undefined : state
    if (!(await parts.circuits.hold(upstream, held))) throw new SluiceError('config.not_found', { detail: `There is no upstream "${upstream}"` })
    return { name: upstream, held: held ?? null }
  })
}
