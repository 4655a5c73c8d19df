/** What the admin API answers, as far as the console reads it. */

export type Role = 'viewer' | 'operator' | 'admin'

export interface Page<T> {
  readonly items: readonly T[]
  readonly next: string | null
}

export interface Status {
  readonly version: string
  /** Whose token asked. */
  readonly principal: { readonly name: string; readonly role: Role }
  readonly head: RevisionRecord | null
  readonly edges: { readonly live: number; readonly leaving: number; readonly missing: number; readonly atHead: number }
  readonly rollout: { readonly revision: number; readonly ring: number; readonly rings: number; readonly edges: readonly string[]; readonly secondsLeft?: number } | null
  readonly file: { readonly path: string; readonly state: string; readonly problems: readonly string[]; readonly warnings: readonly string[]; readonly needsRestart: readonly string[] } | null
  /** Orders that lie over the configuration for a while. */
  readonly breakGlass: readonly Pick<BreakGlassOrder, 'id' | 'summary' | 'madeBy' | 'until'>[]
  readonly bus: string
  readonly store: string
  readonly secretStores: Readonly<Record<string, string>>
}

export interface RevisionRecord {
  readonly revision: number
  readonly digest: string
  readonly author: string
  readonly note: string
  readonly origin: string
  readonly committedAt: string
}

export interface Differences {
  readonly from: number
  readonly revision: number
  readonly differences: readonly { readonly resource: string; readonly change: 'added' | 'removed' | 'changed'; readonly settings?: readonly { readonly pointer: string; readonly before?: unknown; readonly after?: unknown }[] }[]
}

export interface Edge {
  readonly name: string
  readonly zone: string
  readonly datacenter: string
  readonly version: string
  readonly revision: number
  readonly workers: number
  readonly state: 'live' | 'leaving' | 'missing'
  readonly lastHeartbeat: string
  readonly refusal?: { readonly revision: number; readonly code: string; readonly pointer: string; readonly detail: string }
}

/** Who runs a change, when its writer has waited for that. */
export interface Receipt {
  readonly revision?: number
  readonly version?: number
  readonly edges?: { readonly acknowledged: number; readonly expected: number; readonly missing: readonly string[]; readonly refused?: readonly { readonly edge: string; readonly detail: string }[] }
  readonly ring?: { readonly edges: readonly string[]; readonly stable: number }
  readonly propagationMs?: number
  readonly warnings?: readonly { readonly pointer: string; readonly message: string }[]
}

export type CircuitState = 'open' | 'half-open' | 'closed'

export interface Circuit {
  readonly name: string
  readonly state: CircuitState
  readonly held: 'open' | 'closed' | null
  readonly edges: readonly { readonly edge: string; readonly zone: string; readonly state: CircuitState; readonly workersOpen: number; readonly workersHalfOpen: number; readonly leftOut: readonly string[] }[]
}

export interface Resource {
  readonly name: string
  readonly owner?: string
  readonly labels?: Readonly<Record<string, string>>
}

/** As the configuration holds it: `{ TYPE: settings }`. */
export type PolicyEntry = Readonly<Record<string, unknown>>

export interface Upstream extends Resource {
  readonly balancer?: string
  readonly protocol?: string
  readonly endpoints?: readonly { readonly url: string }[]
  readonly discovery?: { readonly source: string }
  readonly circuitBreaker?: object
}

export interface Endpoint {
  /** `upstream/id` */
  readonly name: string
  readonly upstream: string
  readonly id: string
  readonly url: string
  readonly weight: number
  readonly zone: string
  readonly priority: number
  readonly health: 'healthy' | 'unhealthy' | 'draining' | 'unknown'
  readonly reason: string
  readonly version: string
  readonly datacenter: string
  readonly changedAt: string | null
}

export interface Route extends Resource {
  readonly match: { readonly hosts?: readonly string[]; readonly path?: string; readonly pathPrefix?: string; readonly pathRegex?: string; readonly methods?: readonly string[] }
  readonly upstream?: string
  readonly split?: readonly { readonly upstream: string; readonly weight: number }[]
  readonly policies?: readonly PolicyEntry[]
}

export type Credential =
  | { readonly apiKey: { readonly id: string; readonly expiresAt?: string } }
  | { readonly basic: { readonly username: string } }
  | { readonly jwtSubject: string }
  | Readonly<Record<string, unknown>>

export interface Consumer extends Resource {
  readonly groups?: readonly string[]
  readonly plan?: string
  readonly credentials?: readonly Credential[]
}

export interface Quota {
  readonly at: string
  readonly name: string
  readonly period: string
  readonly datacenter: string
  readonly limit: number
  readonly used: number
  readonly remaining: number
  readonly resetSeconds: number
}

export interface ConsumerUsage {
  readonly consumer: string
  readonly requests: number
  readonly refused: number
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface RouteUsage {
  readonly route: string
  readonly requests: number
  readonly clientErrors: number
  readonly serverErrors: number
  readonly p50Ms: number
  readonly p95Ms: number
  readonly p99Ms: number
  readonly bytesIn: number
  readonly bytesOut: number
}

export interface Counted<T> {
  readonly items: readonly T[]
  /** Everything before this instant is counted. */
  readonly watermark: string | null
}

export interface BreakGlassOrder {
  readonly id: string
  readonly summary: string
  readonly madeBy: string
  readonly madeAt: string
  readonly until: string
  readonly note: string
  readonly state: 'in force' | 'ended'
  readonly endedBy?: string
  /** Live ones that obey it. */
  readonly edges: readonly string[]
}

export interface AuditEntry {
  readonly at: string
  readonly actor: string
  readonly action: string
  readonly outcome: string
}
