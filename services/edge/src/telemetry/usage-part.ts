import type { AccessEvent, UsageCount } from '@sluice/proto/messages/analytics'

type Plain<M> = Omit<M, '$typeName' | '$unknown'>

/** As in the message, but plain: it passes from a worker to the host agent as a structured clone. */
export type UsageCountRow = Plain<UsageCount>
export type AccessEventRow = Plain<AccessEvent>

/** What one worker's exchanges of about 100 ms come to. */
export interface UsagePart {
  readonly firstAtMs: number
  readonly lastAtMs: number
  readonly counts: UsageCountRow[]
  readonly events: AccessEventRow[]
  /** Exchanges that are in `counts` and have no event. */
  readonly droppedEvents: number
}
