/**
 * A client keeps the endpoint that served it first: the cookie names the endpoint by a keyed hash of its id, so that any
 * worker of any edge knows it again and nobody reads an address from it. A client without a cookie, or whose endpoint
 * may not serve now, is given one by turns, and a cookie for that one.
 */
import { createHmac } from 'node:crypto'
import type { Balancer, BalancerParts, EndpointState, UpstreamEndpoints } from '../balancer.ts'
import { findCandidates, isAdmitted, noCandidates, type Candidates } from '../eligible.ts'
import { takeTurn } from '../take-turns.ts'

/** Bytes of the hash that the cookie holds: no two of ten thousand endpoints have the same by chance. */
const markBytes = 12

export function createBalancer({ upstream, stickyCookie = {} }: Pick<BalancerParts, 'upstream' | 'stickyCookie'>): Balancer {
  return new StickyCookie(upstream, stickyCookie.name ?? `sluice_${upstream}`, stickyCookie.secret ?? '', stickyCookie.maxAgeSeconds)
}

class StickyCookie implements Balancer {
  readonly needsKey = 'cookie'
  readonly cookieName: string
  private readonly candidates: Candidates = noCandidates()
  private readonly markFor: (endpoint: EndpointState) => string
  private readonly marks = new WeakMap<EndpointState, string>()
  private readonly attributes: string
  private state: UpstreamEndpoints | undefined
  private byMark: ReadonlyMap<string, EndpointState> = new Map()

  constructor(upstream: string, cookieName: string, secret: string, maxAgeSeconds: number | undefined) {
    this.cookieName = cookieName
    this.attributes = `; Path=/; HttpOnly; SameSite=Lax${maxAgeSeconds === undefined ? '' : `; Max-Age=${maxAgeSeconds}`}`
    this.markFor = ({ id }) => createHmac('sha256', secret).update(`${upstream}\0${id}`).digest().subarray(0, markBytes).toString('base64url')
  }

  pick(state: UpstreamEndpoints, nowMs: number, excluded: ReadonlySet<string> | undefined, key?: string): EndpointState | undefined {
    const { candidates } = this
    if (!findCandidates(candidates, state, nowMs, excluded)) return undefined
    if (state !== this.state) this.follow(state)
    const kept = key === undefined ? undefined : this.byMark.get(key)
    const mayServe = kept !== undefined && kept.priority === candidates.group!.priority && isAdmitted(kept, candidates.admission, nowMs, excluded)
    return mayServe ? kept : takeTurn(candidates, nowMs, excluded)
  }

  cookieFor(endpoint: EndpointState, key: string | undefined, secure: boolean): string | undefined {
    if (key !== undefined && this.byMark.get(key) === endpoint) return undefined
    return `${this.cookieName}=${this.markOf(endpoint)}${this.attributes}${secure ? '; Secure' : ''}`
  }

  private markOf(endpoint: EndpointState): string {
    const known = this.marks.get(endpoint)
    if (known !== undefined) return known
    const mark = this.markFor(endpoint)
    this.marks.set(endpoint, mark)
    return mark
  }

  private follow(state: UpstreamEndpoints): void {
    this.byMark = new Map([...state.byId.values()].map((endpoint) => [this.markOf(endpoint), endpoint]))
    this.state = state
  }
}
