/**
 * The contract of a balancer: which endpoint takes the next attempt. An edge worker holds one `UpstreamEndpoints` for
 * each upstream (`endpoints.ts` makes and updates it) and one balancer for each upstream, and asks it once an attempt.
 *
 * Who may take an attempt, for every balancer (tested by `balancer.contract.ts`):
 * 1. Never: an endpoint that drains, has weight 0, is full (`maxOpen`), or is in `excluded` (it had an earlier attempt of
 *    this exchange).
 * 2. An endpoint is *available* when discovery calls it healthy and this worker has not left it out. The lowest
 *    priority that has an available endpoint serves; the next only when there is none.
 * 3. Panic: when less than half of that priority's endpoints are healthy, discovery's verdict is doubted (a prober may
 *    be cut off, and the few left would drown) and all that were not left out take part. What this worker has just
 *    failed to connect to stays out, and a second attempt (`excluded` given) goes to an available one if there is any.
 * 4. With nothing available anywhere: the lowest priority with one that was not left out; else any at all, because
 *    an attempt that may fail beats a refusal that is certain.
 * 5. Of an upstream with zones a first attempt stays in the edge's own zone as far as that can carry it (`zones.ts`),
 *    except in a panic.
 */
export type EndpointHealthState = 'healthy' | 'unhealthy' | 'draining'

/** One endpoint as a worker keeps it. Made once, changed in place: nothing is allocated on a request's way. */
export interface EndpointState {
  readonly id: string
  /** As configured: `http://host:port/base`. */
  readonly url: string
  /** `http://host:port`, for the connection pool. */
  readonly origin: string
  /** What stands before every path, without a slash at the end; empty when there is none. */
  readonly basePath: string
  /** The value of Host for `hostHeader: endpoint`. */
  readonly hostHeader: string
  weight: number
  readonly priority: number
  readonly zone: string
  health: EndpointHealthState
  /** On the monotonic clock, in ms: until then this worker leaves it out (passive health). 0: it does not. */
  leftOutUntil: number
  /** On the monotonic clock, in ms: since then it takes a growing share (slow start). `-Infinity`: its whole share. */
  slowSince: number
  /** Requests open at it now, in this worker; counted by the edge. */
  open: number
  /** At so many open requests it takes no further one; `Infinity`: as many as come. */
  maxOpen: number
  /** What came of the attempts at it; kept by the edge for passive health. */
  readonly outcomes: EndpointOutcomes
  /** The balancer's own running figures: whose turn it is, and how long answers take, in ms, at which instant. */
  current: number
  latencyMs: number
  latencyAt: number
}

/** Passive health's figures of one endpoint in this worker. */
export interface EndpointOutcomes {
  /** Failures since it last did better. */
  failuresInARow: number
  /** Attempts that ended, and those of them that failed, since the endpoints were last compared. */
  ended: number
  failed: number
  /** How often it was put aside lately, and until when it was the last time. */
  ejections: number
  ejectedUntil: number
}

/** The endpoints of one priority. */
export interface PriorityGroup {
  readonly priority: number
  /** In the order of their ids. */
  readonly endpoints: readonly EndpointState[]
  /** How many could serve were they healthy: not draining, weight above 0. */
  readonly usable: number
  /** How many of those discovery calls healthy. */
  readonly healthy: number
  /** Whether all usable ones have the same weight. */
  readonly isEven: boolean
  /** The largest weight. */
  readonly heaviest: number
  /** On the monotonic clock, in ms: before it some endpoint is in its slow start. */
  slowUntil: number
  /** Where the balancer goes on. */
  cursor: number
  /** Undefined unless the edge's own zone is preferred. */
  readonly zones: ZoneSplit | undefined
}

/** The endpoints of one priority, those of the edge's own zone apart from the others. */
export interface ZoneSplit {
  readonly local: PriorityGroup
  readonly others: PriorityGroup
  /** Of first attempts, the share that stays in the zone: 0 to 1. */
  readonly localShare: number
}

export interface UpstreamEndpoints {
  readonly upstream: string
  /** Lowest priority first; none is empty. */
  readonly groups: readonly PriorityGroup[]
  readonly byId: ReadonlyMap<string, EndpointState>
}

/**
 * What of an exchange a balancer goes by: nothing, the client's address, what the upstream's `hashOn` names, or the
 * cookie by which the gateway knows the client again.
 */
export type PickKey = 'address' | 'hash-on' | 'cookie'

export interface Balancer {
  /** The edge works the key out for balancers that ask for one, and for no others. */
  readonly needsKey?: PickKey
  /** The cookie's name, with `needsKey: cookie`. */
  readonly cookieName?: string
  /**
   * The endpoint for the next attempt; undefined when there is none to send to (`upstream.none_healthy`, or the
   * first attempt's error stands). `nowMs` is the monotonic clock; `excluded` holds ids that had an attempt already;
   * `key` is undefined when the exchange has none. Runs once an attempt and allocates nothing, but for what is worked
   * out anew after the endpoints changed.
   */
  pick(state: UpstreamEndpoints, nowMs: number, excluded: ReadonlySet<string> | undefined, key?: string): EndpointState | undefined
  /** Told of every attempt's first answer (`ms` until its head) or failure; nothing of attempts that the client ended. */
  observe?(endpoint: EndpointState, ms: number, ok: boolean, nowMs: number): void
  /** The value of `Set-Cookie` that leads the client back to `endpoint`; undefined when `key` does so already. */
  cookieFor?(endpoint: EndpointState, key: string | undefined, secure: boolean): string | undefined
}

export interface BalancerSchema {
  readonly name: string
}

/** The settings `stickyCookie` of an upstream, as far as they were given. */
export interface StickyCookieSettings {
  readonly name?: string | undefined
  readonly secret?: string | undefined
  readonly maxAgeSeconds?: number | undefined
}

export interface BalancerParts {
  /** The upstream's name. */
  readonly upstream: string
  readonly stickyCookie?: StickyCookieSettings | undefined
  /** From 0 to below 1. */
  readonly random: () => number
}

export interface BalancerModule {
  /** One for each upstream. */
  createBalancer(parts: BalancerParts): Balancer
}

export interface BalancerEntry extends BalancerSchema {
  load(): Promise<BalancerModule>
}
