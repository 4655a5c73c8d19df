import type { Bus } from '@sluice/buses/bus'
import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import type { Clock, Logger, MetricsRegistry } from '@sluice/service-kit'
import type { Verifier } from '@sluice/verifier'

export interface AuthParts {
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  /** Stays open: it belongs to the caller. */
  readonly store: CredentialStore
  /** For passwords; one of its own when left out. One that is given stays open. */
  readonly verifier?: Verifier
}
