// What a case sees of the gateway: its outside, whichever mode runs it.
import type { Cleanup, Exit, FetchedResponse, NatsServer, RedisServer } from '@sluice/testkit'
import type { SluiceProcess } from './sluice-process.ts'
import type { TcpRelay } from './tcp-relay.ts'

export type Mode = 'embedded' | 'distributed'

/** A configuration as a file holds it, without the addresses and the access log: those are the system's. */
export interface Config {
  readonly upstreams?: Readonly<Record<string, object>>
  readonly routes?: readonly object[]
  readonly policies?: readonly object[]
  readonly groups?: readonly object[]
  readonly consumers?: readonly object[]
  readonly trustedProxies?: readonly string[]
}

export interface Receipt {
  readonly revision: number
  readonly edges: { readonly acknowledged: number; readonly expected: number; readonly missing: readonly string[] }
  readonly propagationMs?: number
}

/** One line of an access log; every field is there, null where it does not apply. */
export type AccessLine = Readonly<Record<string, string | number | null>>

export interface Edge {
  readonly name: string
  /** Where clients connect. */
  readonly url: string
  readonly metricsUrl: string
  /** Embedded, this is the process of all services. */
  readonly process: SluiceProcess
  workerPids(): Promise<number[]>
  /** All lines so far; the newest may be 100 ms away. */
  accessLog(): Promise<AccessLine[]>
}

/** The servers beneath the distributed mode; that of the store is reached by a relay that can be cut. */
export interface BackingServers {
  readonly nats: NatsServer
  readonly redis: RedisServer
  readonly store: TcpRelay
}

export interface AdminOptions {
  readonly headers?: Readonly<Record<string, string>>
  readonly timeoutMs?: number
}

export interface System {
  readonly mode: Mode
  readonly edges: readonly Edge[]
  /** The processes of the services without the edges, by name; embedded, there are none. */
  readonly services: ReadonlyMap<string, SluiceProcess>
  readonly servers: BackingServers | undefined
  readonly adminUrl: string
  readonly adminToken: string
  /** The file that `sluice run` follows; distributed, there is none. */
  readonly configFile?: string
  /** A folder for files of cases. */
  readonly directory: string
  /** What must stand in no log, no metric and no answer of the admin API: cases add the credentials that they make. */
  readonly secrets: Set<string>
  /** A request to the admin API with its token; `body` is sent as JSON. */
  admin(method: string, path: string, body?: unknown, options?: AdminOptions): Promise<FetchedResponse>
  /** The whole configuration that `config` means here: with this system's addresses and access log. */
  complete(config: Config): Record<string, unknown>
  /** Puts the whole configuration in force and fails unless every edge runs it. */
  apply(config: Config): Promise<Receipt>
  /** Runs the `sluice` command against this system's admin API. */
  cli(args: readonly string[], options?: { input?: string }): Promise<Exit & { stdout: string; stderr: string }>
  /** Distributed: starts one more edge for a test, without waiting for it. */
  launchEdge?(t: Cleanup, name: string): Promise<Edge>
  /** Distributed: starts one more control for a test, and resolves with its admin API once that answers. */
  launchControl?(t: Cleanup): Promise<{ readonly adminUrl: string; readonly process: SluiceProcess }>
  /** Distributed: starts one more instance of a service for a test, with further settings. */
  launchService?(t: Cleanup, service: string, env?: Readonly<Record<string, string>>): Promise<SluiceProcess>
  /** Everything that every process has printed. */
  logs(): string
}
