import type { FastifyBaseLogger, FastifyInstance, RawReplyDefaultExpression, RawRequestDefaultExpression, RawServerDefault } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import type { Access, Principal } from './access.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Which role the route needs [viewer to read, operator to write]. */
    access?: Access
    /** Whether a write on it goes into the audit log [true]. */
    audit?: boolean
  }
  interface FastifyRequest {
    /** Whose token came with it; undefined on open routes, and without a good one. */
    principal: Principal | undefined
    /** What came of a write, for the audit log: `revision 42`, or an error code. */
    outcome: string | undefined
    /** Nothing was meant to change: a dry run, a heartbeat. */
    isTrial: boolean
  }
}

export type AdminApp = FastifyInstance<RawServerDefault, RawRequestDefaultExpression, RawReplyDefaultExpression, FastifyBaseLogger, ZodTypeProvider>
