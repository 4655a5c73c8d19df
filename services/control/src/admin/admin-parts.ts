import type { Bus } from '@sluice/buses/bus'
import type { ConfigStore } from '@sluice/config-stores/config-store'
import type { Clock, Logger, Sealing } from '@sluice/service-kit'
import type { BreakGlass } from '../break-glass/break-glass.ts'
import type { CachePurges } from '../peers/cache-purges.ts'
import type { Circuits } from '../peers/circuits.ts'
import type { Consumers } from '../peers/consumers.ts'
import type { Endpoints } from '../peers/endpoints.ts'
import type { Limits } from '../peers/limits.ts'
import type { QuotaEvents } from '../peers/quota-events.ts'
import type { TokenRevocations } from '../peers/token-revocations.ts'
import type { Usage } from '../peers/usage.ts'
import type { Checking } from '../revisions/changes.ts'
import type { RevisionLine } from '../revisions/revision-line.ts'
import type { Rollout } from '../rollout/rollout.ts'
import type { Tokens } from './access.ts'

/** What the admin API's routes work on. */
export interface AdminParts {
  readonly scope: string
  /** Used for edges that have none of their own. */
  readonly bus: Bus
  readonly store: ConfigStore
  readonly clock: Clock
  readonly logger: Logger
  /** What private keys are sealed with that are sent here; left out, none is taken. */
  readonly sealing: Sealing | undefined
  readonly tokens: Tokens
  readonly line: RevisionLine
  readonly rollout: Rollout
  /** How what is sent here is checked: relative paths start in the data directory. */
  readonly checking: Checking
  readonly consumers: Consumers
  readonly endpoints: Endpoints
  readonly usage: Usage
  readonly tokenRevocations: TokenRevocations
  readonly limits: Limits
  readonly quotaEvents: QuotaEvents
  readonly circuits: Circuits
  readonly cachePurges: CachePurges
  readonly breakGlass: BreakGlass
  /** The part of `/v1/status` that is not the admin API's own. */
  readonly status: () => Record<string, unknown>
}
