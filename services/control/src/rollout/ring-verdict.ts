/** Whether the edges of a ring do as well as the others, since they run a revision. */
import type { RolloutSettings } from '@sluice/proto/config'

/** What an edge has answered since it started. */
export interface Traffic {
  readonly requests: number
  readonly serverErrors: number
  /** In seconds. */
  readonly durationBounds: readonly number[]
  /** One more than bounds. */
  readonly durationCounts: readonly number[]
}

/** What keeps a small difference of a fast service from being one. */
const leastSlowSeconds = 0.005

/** How the ring does worse than the gates allow, in words; undefined when it does not, or had too few requests to tell. */
export function breachOfGates(ring: readonly Traffic[], others: readonly Traffic[], { serverErrorPercent, p99Factor, minimumRequests }: RolloutSettings['gates']): string | undefined {
  const [own, control] = [sum(ring), sum(others)]
  if (own.requests < minimumRequests) return undefined
  const [share, usual] = [percentOf(own), percentOf(control)]
  if (share > usual + serverErrorPercent) return `${share.toFixed(1)} % of ${own.requests} requests were answered with 500 or more, ${usual.toFixed(1)} % on the other edges`
  if (control.requests < minimumRequests) return undefined
  const [slow, usuallySlow] = [p99Of(own), p99Of(control)]
  if (slow > leastSlowSeconds && slow > usuallySlow * p99Factor) return `99 % of ${own.requests} requests took up to ${Math.round(slow * 1000)} ms, ${Math.round(usuallySlow * 1000)} ms on the other edges`
  return undefined
}

/** What came between two reports of one edge; one that started anew between them counts from its start. */
export function trafficSince(before: Traffic, now: Traffic): Traffic {
  if (now.requests < before.requests) return now
  return { ...now, requests: now.requests - before.requests, serverErrors: now.serverErrors - before.serverErrors, durationCounts: now.durationCounts.map((count, index) => count - (before.durationCounts[index] ?? 0)) }
}

function sum(all: readonly Traffic[]): Traffic {
  const durationBounds = all[0]?.durationBounds ?? []
  // Another version may have other bounds: its durations cannot be added up with these.
  const alike = all.filter((one) => String(one.durationBounds) === String(durationBounds))
  return {
    requests: all.reduce((total, one) => total + one.requests, 0),
    serverErrors: all.reduce((total, one) => total + one.serverErrors, 0),
    durationBounds,
    durationCounts: [...durationBounds, Infinity].map((_, index) => alike.reduce((total, one) => total + (one.durationCounts[index] ?? 0), 0)),
  }
}

function percentOf({ requests, serverErrors }: Traffic): number {
  return requests === 0 ? 0 : (serverErrors / requests) * 100
}

/** Within its bucket as if requests were spread evenly; the last bucket has no end, so its beginning counts. */
function p99Of({ durationBounds, durationCounts }: Traffic): number {
  const total = durationCounts.reduce((all, count) => all + count, 0)
  let left = total * 0.99
  for (const [index, bound] of durationBounds.entries()) {
    const count = durationCounts[index] ?? 0
    const below = durationBounds[index - 1] ?? 0
    if (count > 0 && left <= count) return below + (bound - below) * (left / count)
    left -= count
  }
  return durationBounds.at(-1) ?? 0
}
