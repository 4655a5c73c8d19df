/** How things stand, and who did what. */
import type { RevisionRecord } from '@sluice/config-stores/config-store'
import { codeOf } from '@sluice/errors'
import { version } from '@sluice/service-kit'
import { z } from 'zod'
import { tellOrder } from '../../break-glass/order-target.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApp } from '../fastify-types.ts'
import { pageQuery, pageSchema } from '../parameters.ts'
import { describeRecord } from './revision-routes.ts'

const auditQuery = pageQuery.extend({ cursor: z.coerce.number().int().min(1).optional().describe('`next` of the page before.') })
const entry = z.object({ at: z.string(), actor: z.string(), action: z.string(), outcome: z.string() })

export function addStatusRoutes(app: AdminApp, parts: AdminParts): void {
  const { scope, store, rollout } = parts
  const headRecord = lastKnownHead(parts)
  app.get('/v1/status', { schema: { tags: ['status'], summary: 'Who asks, head, edges, config file, bus and store', response: { 200: z.looseObject({}) } } }, async (request) => {
    const head = await headRecord()
    const edges = rollout.edges()
    const count = (state: string) => edges.filter((edge) => edge.state === state).length
    const atHead = edges.filter((edge) => edge.state === 'live' && edge.revision >= (head?.revision ?? 0)).length
    return {
      version,
      scope,
      principal: request.principal,
      head: head === undefined ? null : describeRecord(head),
      edges: { live: count('live'), leaving: count('leaving'), missing: count('missing'), atHead },
      breakGlass: breakGlassInForce(parts),
      ...parts.status(),
    }
  })
  app.get('/v1/audit', { schema: { tags: ['audit'], summary: 'Who changed what, newest first', querystring: auditQuery, response: { 200: pageSchema(entry) } } }, async (request) => {
    const { limit, cursor } = request.query
    const entries = await store.listAudit(scope, { limit, ...(cursor === undefined ? {} : { beforeMs: cursor }) })
    const items = entries.map(({ atMs, actor, action, outcome }) => ({ at: new Date(atMs).toISOString(), actor, action, outcome }))
    return { items, next: entries.length === limit ? String(entries.at(-1)!.atMs) : null }
  })
}

/** The head, or while the store is away the one that was read last: how things stand is asked most when something is down. */
function lastKnownHead({ line }: AdminParts): () => Promise<RevisionRecord | undefined> {
  return async () => {
    try {
      return (await line.stored.head())?.record
    } catch (error) {
      if (codeOf(error) !== 'dependency.store_unreachable') throw error
      return line.stored.lastHead
    }
  }
}

function breakGlassInForce({ breakGlass }: AdminParts) {
  return breakGlass.inForce().map(({ id, order, madeBy, untilMs }) => ({ id, summary: tellOrder(order), madeBy, until: new Date(untilMs).toISOString() }))
}
