/** Break-glass orders: what can be done to the edges while the store takes no changes. */
import { breakGlassOrder, type BreakGlassEntry, isInForce, maxOrderMs, orderKey } from '@sluice/proto/break-glass'
import { z } from 'zod'
import { tellOrder } from '../../break-glass/order-target.ts'
import type { Goal } from '../../rollout/receipts.ts'
import type { AdminParts } from '../admin-parts.ts'
import { readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { waitQuery } from '../parameters.ts'
import { receiptOf, receiptShape } from '../write-answers.ts'

const usualSeconds = 3600
const newOrder = z.strictObject({
  order: breakGlassOrder,
  forSeconds: z.int().min(1).max(maxOrderMs / 1000).default(usualSeconds).describe('How long it stands: a day at most [3600].'),
  note: z.string().max(500).default('').describe('Why, for whoever reads it later.'),
})
const makeQuery = waitQuery.extend({ force: z.enum(['true', 'false']).default('false').describe('Also while the store takes changes.') })
const item = z.object({
  id: z.string(),
  order: z.looseObject({ action: z.string() }),
  summary: z.string(),
  madeBy: z.string(),
  madeAt: z.string(),
  until: z.string(),
  note: z.string(),
  revision: z.number().describe('The newest one that was known when it was made.'),
  state: z.enum(['in force', 'ended']),
  endedBy: z.string().optional().describe('Who, or the revision that took it over.'),
  edges: z.array(z.string()).describe('Live edges that obey it.'),
})
const made = item.extend({ receipt: z.object(receiptShape).optional() })

export function addBreakGlassRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['break-glass']
  const { breakGlass } = parts
  app.get('/v1/break-glass', { schema: { tags, summary: 'Orders whose time is not over, newest first', response: { 200: z.object({ items: z.array(item), next: z.null() }) } } }, async () => {
    return { items: breakGlass.list().map((entry) => tell(parts, entry)), next: null }
  })
  const summary = 'Order something of the edges of this datacenter while the store takes no changes'
  app.post('/v1/break-glass', { config: { audit: false }, schema: { tags, summary, querystring: makeQuery, body: newOrder, response: { 201: made, 202: made } } }, async (request, reply) => {
    const { order, forSeconds, note } = readBody(newOrder, request.body)
    const at = parts.clock.monotonic()
    const entry = await breakGlass.make({ order, forMs: forSeconds * 1000, note, actor: request.principal?.name ?? '', isForced: request.query.force === 'true' })
    if (request.query.wait === undefined) return reply.code(201).send(tell(parts, entry))
    const receipt = await parts.rollout.waitFor(obeyed(parts, entry), request.query.timeoutMs, at)
    return reply.code(receipt.missing.length > 0 ? 202 : 201).send({ ...tell(parts, entry), receipt: receiptOf(receipt) })
  })
  app.delete('/v1/break-glass/:id', { config: { audit: false }, schema: { tags, summary: 'End an order before its time', params: z.object({ id: z.string().min(1).max(64) }), querystring: waitQuery, response: { 200: made, 202: made } } }, async (request, reply) => {
    const at = parts.clock.monotonic()
    const entry = await breakGlass.end(request.params.id, request.principal?.name ?? '')
    if (request.query.wait === undefined) return reply.code(200).send(tell(parts, entry))
    const receipt = await parts.rollout.waitFor(forgotten(parts, entry), request.query.timeoutMs, at)
    return reply.code(receipt.missing.length > 0 ? 202 : 200).send({ ...tell(parts, entry), receipt: receiptOf(receipt) })
  })
}

/** Edges of another datacenter hear nothing of it. */
function concerns({ breakGlass: { datacenter } }: AdminParts): Goal['concerns'] {
  return datacenter === '' ? undefined : (edge) => edge.datacenter === datacenter
}

function obeyed(parts: AdminParts, entry: BreakGlassEntry): Goal {
  return { concerns: concerns(parts), hasReached: ({ orders }) => orders.includes(orderKey(entry)), hasRefused: () => false }
}

function forgotten(parts: AdminParts, { id }: BreakGlassEntry): Goal {
  return { concerns: concerns(parts), hasReached: ({ orders }) => !orders.some((order) => order.startsWith(`${id}@`)), hasRefused: () => false }
}

function tell({ rollout, clock }: AdminParts, entry: BreakGlassEntry): z.output<typeof item> {
  const { id, order, madeBy, madeAtMs, untilMs, note, revision, endedBy } = entry
  const edges = rollout.edges().filter(({ state, orders }) => state === 'live' && orders.includes(orderKey(entry))).map(({ name }) => name)
  return {
    id, order, summary: tellOrder(order), madeBy, madeAt: new Date(madeAtMs).toISOString(), until: new Date(untilMs).toISOString(), note, revision,
    state: isInForce(entry, clock.now()) ? 'in force' : 'ended',
    ...(endedBy !== undefined && { endedBy }),
    edges,
  }
}
