import type { CidrSet } from '@sluice/http'
import type { Listeners, NamedCertificate, Route, RouteMatch, Upstream } from '@sluice/proto/config'
import type { RouteFacts } from '@sluice/policies/exchange'
import type { PolicyChain } from './policy-chain/policy-chain.ts'
import type { Split } from './router/split.ts'
import type { Rewrite } from './router/rewrite.ts'
import type { Router } from './router/router.ts'
import type { UpstreamState } from './balancer/upstream-state.ts'
import type { Mirror } from './upstream/mirrors.ts'

/** A route as the hot path uses it: everything that can be worked out ahead has been. */
export interface CompiledRoute extends RouteFacts {
  readonly match: RouteMatch
  readonly chain: PolicyChain
  readonly seesBody: boolean
  readonly seesResponseBody: boolean
  readonly hasAttemptHooks: boolean
  readonly rewrite: Rewrite | undefined
  /** Undefined for a route whose policies answer. */
  readonly upstream: UpstreamState | undefined
  readonly onClientAbort: Route['onClientAbort']
  /** Of a route that leads to several upstreams: the ways are routes of their own, and this is the first of them. */
  readonly split: Split<CompiledRoute> | undefined
  readonly mirror: Mirror | undefined
}

/** The whole configuration at one revision, compiled for one worker; never changed. */
export interface CompiledSnapshot {
  readonly revision: number
  readonly digest: string
  readonly router: Router<CompiledRoute>
  readonly upstreams: ReadonlyMap<string, UpstreamState>
  readonly upstreamSettings: ReadonlyMap<string, Upstream>
  readonly trustedProxies: CidrSet
  readonly listeners: Listeners
  readonly certificates: readonly NamedCertificate[]
  /** PEM, of the policies that go by certificates of clients; undefined: there is none. */
  readonly clientAuthorities: readonly string[] | undefined
  /** Strict-Transport-Security, for responses over TLS alone (RFC 6797 §7.2). */
  readonly strictTransport: string | undefined
}
