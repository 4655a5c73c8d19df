/**
 * Passive health: a worker puts an endpoint aside by what it sees itself. Five gateway failures in a row (no answer, or
 * 502, 503, 504), or far more failures than the others have: a share of successes below mean − 1.9 σ over a hundred
 * attempts or more. With fewer than five endpoints to compare, no one can lie that far off the mean. Aside means 30 s, times
 * how often it happened lately, 300 s at most, and then a slow start; at most a tenth of the endpoints at a time, but
 * always one. It never does more than that: one sick worker must not empty an upstream.
 */
import type { EndpointState, UpstreamEndpoints } from '@sluice/balancers/balancer'
import { leaveOut } from '@sluice/balancers/endpoints'
import { startSlowly } from '@sluice/balancers/slow-start'

const failuresInARow = 5
const compareMs = 10_000
const minAttempts = 100
const deviations = 1.9
/** Nearer than this to the mean nobody is an outlier, however small σ is. */
const minDistance = 0.05
const ejectMs = 30_000
const maxEjectMs = 300_000
const maxShare = 0.1

export class Outliers {
  /** How often an endpoint was put aside. */
  ejections = 0
  private comparedAt = 0

  /** An answer's head has come. Costs a few additions when all is well. */
  noteAnswer(endpoint: EndpointState, status: number, state: UpstreamEndpoints, nowMs: number): void {
    const { outcomes } = endpoint
    if (status >= 502 && status <= 504) return this.noteFailure(endpoint, state, nowMs)
    outcomes.ended++
    outcomes.failuresInARow = 0
    if (status < 500) return
    outcomes.failed++
    this.compare(state, nowMs)
  }

  /** No answer came, or none of its own. */
  noteFailure(endpoint: EndpointState, state: UpstreamEndpoints, nowMs: number): void {
    const { outcomes } = endpoint
    outcomes.ended++
    outcomes.failed++
    outcomes.failuresInARow++
    if (outcomes.failuresInARow >= failuresInARow) this.eject(endpoint, state, nowMs)
    this.compare(state, nowMs)
  }

  private compare(state: UpstreamEndpoints, nowMs: number): void {
    if (nowMs - this.comparedAt < compareMs) return
    this.comparedAt = nowMs
    const compared = [...state.byId.values()].filter(({ outcomes }) => outcomes.ended >= minAttempts)
    const shares = compared.map(({ outcomes }) => 1 - outcomes.failed / outcomes.ended)
    const mean = shares.reduce((sum, share) => sum + share, 0) / shares.length
    const deviation = Math.sqrt(shares.reduce((sum, share) => sum + (share - mean) ** 2, 0) / shares.length)
    for (const [index, endpoint] of compared.entries()) {
      if (shares[index]! < mean - Math.max(deviations * deviation, minDistance)) this.eject(endpoint, state, nowMs)
      endpoint.outcomes.ended = 0
      endpoint.outcomes.failed = 0
    }
  }

  private eject(endpoint: EndpointState, state: UpstreamEndpoints, nowMs: number): void {
    const { outcomes } = endpoint
    const group = state.groups.find(({ priority }) => priority === endpoint.priority)
    if (state.byId.get(endpoint.id) !== endpoint || group === undefined || outcomes.ejectedUntil > nowMs || !mayEject(state, nowMs)) return
    // Each 30 s in use take back one time.
    const forgiven = Math.floor((nowMs - outcomes.ejectedUntil) / ejectMs)
    outcomes.ejections = Math.max(0, outcomes.ejections - forgiven) + 1
    outcomes.ejectedUntil = nowMs + Math.min(maxEjectMs, ejectMs * outcomes.ejections)
    outcomes.failuresInARow = 0
    this.ejections++
    leaveOut(endpoint, outcomes.ejectedUntil)
    startSlowly(endpoint, group, outcomes.ejectedUntil)
  }
}

function mayEject(state: UpstreamEndpoints, nowMs: number): boolean {
  let ejected = 0
  for (const { outcomes } of state.byId.values()) if (outcomes.ejectedUntil > nowMs) ejected++
  return ejected < Math.max(1, Math.floor(state.byId.size * maxShare))
}
