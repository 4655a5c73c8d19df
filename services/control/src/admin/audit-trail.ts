/** Who changed what, when, and what came of it: in the store and in the log, for every write that was let in and every request that was denied its role. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AdminParts } from './admin-parts.ts'

const writes = new Set(['POST', 'PUT', 'DELETE', 'PATCH'])
/** Whoever repeats what is denied fills no store: once in this time for each of so many. */
const deniedEveryMs = 60_000
const maxDenied = 1000

/** Entries are in the store before the writer is answered. A store that is away costs the entry there, never the one in the log. */
export function keepAuditTrail(app: FastifyInstance, { store, scope, clock, logger }: Pick<AdminParts, 'store' | 'scope' | 'clock' | 'logger'>): void {
  const denied = new Map<string, number>()
  const isNews = (what: string) => {
    const now = clock.monotonic()
    if (now - (denied.get(what) ?? -Infinity) < deniedEveryMs) return false
    if (denied.size >= maxDenied) denied.clear()
    denied.set(what, now)
    return true
  }
  app.addHook('onSend', async (request, reply) => {
    const actor = request.principal?.name ?? ''
    const action = `${request.method} ${request.url.split('?')[0]}`.slice(0, 500)
    const outcome = request.outcome ?? `status ${reply.statusCode}`
    if (outcome === 'admin.forbidden' ? !isNews(`${actor} ${action}`) : !isAudited(request)) return
    logger.info({ actor, action, outcome, requestId: request.id }, outcome === 'admin.forbidden' ? 'admin request denied' : 'admin write')
    try {
      await store.appendAudit({ scope, atMs: clock.now(), actor, action, outcome })
    } catch (error) {
      logger.error({ err: error, actor, action, outcome }, 'the store did not take an entry of the audit log')
    }
  })
}

/** Requests without a good token are not: anybody could fill the store with them. */
function isAudited(request: FastifyRequest): boolean {
  const { audit = true } = request.routeOptions.config
  return writes.has(request.method) && request.principal !== undefined && audit && !request.isTrial
}
