/** Who changed what, when, and what came of it: in the store and in the log, for every write that was let in. */
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { AdminParts } from './admin-parts.ts'

const writes = new Set(['POST', 'PUT', 'DELETE', 'PATCH'])

/** Entries are in the store before the writer is answered. A store that is away costs the entry there, never the one in the log. */
export function keepAuditTrail(app: FastifyInstance, { store, scope, clock, logger }: Pick<AdminParts, 'store' | 'scope' | 'clock' | 'logger'>): void {
  app.addHook('onSend', async (request, reply) => {
    if (!isAudited(request)) return
    const actor = request.role ?? ''
    const action = `${request.method} ${request.url.split('?')[0]}`.slice(0, 500)
    const outcome = request.outcome ?? `status ${reply.statusCode}`
    logger.info({ actor, action, outcome, requestId: request.id }, 'admin write')
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
  return writes.has(request.method) && request.role !== undefined && audit && !request.isTrial
}
