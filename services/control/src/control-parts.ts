import type { Bus } from '@sluice/buses/bus'
import type { ConfigSigner } from '@sluice/buses/config-feed'
import type { ConfigStore } from '@sluice/config-stores/config-store'
import type { Clock, Logger, MetricsRegistry, Sealing, Service } from '@sluice/service-kit'
import type { AdminAddress } from './admin/admin-server.ts'

export interface ControlParts {
  readonly bus: Bus
  readonly scope: string
  readonly logger: Logger
  readonly clock: Clock
  readonly metrics: MetricsRegistry
  /** Stays its owner's: control does not close it. */
  readonly store: ConfigStore
  readonly admin: AdminAddress
  /** Left out: the one in `<data-dir>/admin-token`, made when there is none. */
  readonly adminToken?: string
  /** A file of further tokens with their roles [`admin-tokens.json` in the data directory]. */
  readonly adminTokensFile?: string | undefined
  /** What edges send that pull the head over HTTP; left out, none may. */
  readonly controlToken?: string
  /** What revisions are signed with; left out, they go unsigned. */
  readonly signer?: ConfigSigner | undefined
  readonly dataDirectory: string
  /** Whose edges hear its break-glass orders [all that the bus reaches]. */
  readonly datacenter?: string
  /** A file, or a folder of them, that is applied at start and on save. */
  readonly configFile?: string
  /** Where `env:` references are looked up, and the settings of stores of secrets. */
  readonly environment: Readonly<NodeJS.ProcessEnv>
  /** What values of references lie sealed with in the store, and `sealed:` is read with; left out, they lie there in clear. */
  readonly sealing?: Sealing | undefined
  /** Whether no other control works on the same store [false]: then whatever file differs from what runs was renewed. */
  readonly isOnly?: boolean
  /** Between two looks at stores of secrets [60000]. */
  readonly secretRefreshMs?: number
}

export interface Control extends Service {
  /**
   * Resolves once the admin API listens. Rejects with a `ConfigFileError` when the config file has problems, before
   * anything listens, and with one line when the address is taken. Bus and store may be away: `health` says so.
   */
  start(): Promise<void>
  /** Where the admin API listens, with the port that it was given. */
  adminUrl(): string
}
