import type { UpstreamReport } from '@sluice/proto/messages/discovery'

/** What one edge has found out about one upstream, all its workers together. */
export interface EdgeFinding {
  readonly edge: string
  readonly zone: string
  readonly state: 'closed' | 'half-open' | 'open'
  readonly workersOpen: number
  readonly workersHalfOpen: number
  readonly leftOut: string[]
}

interface Heard {
  readonly report: UpstreamReport
  /** On the monotonic clock. */
  readonly at: number
}

/** A worker with findings tells them each ten seconds: who is silent for longer than this has ended. */
const forgetAfterMs = 30_000
const maxWorkers = 50_000

/** What the workers of the edges have found out about upstreams, as they told it last. */
export class EdgeFindings {
  readonly #now: () => number
  readonly #byWorker = new Map<string, Heard>()

  constructor(now: () => number) {
    this.#now = now
  }

  /** Takes a worker's word in place of its last one. */
  take(report: UpstreamReport): void {
    const worker = JSON.stringify([report.edge, report.worker])
    if (report.findings.length === 0) this.#byWorker.delete(worker)
    else if (this.#byWorker.has(worker) || this.#byWorker.size < maxWorkers) this.#byWorker.set(worker, { report, at: this.#now() })
  }

  /** By upstream, and within one by edge. */
  all(): Map<string, EdgeFinding[]> {
    this.#forgetSilent()
    const byUpstream = new Map<string, Map<string, { zone: string; open: number; halfOpen: number; leftOut: Set<string> }>>()
    for (const { report } of this.#byWorker.values()) {
      for (const { upstream, circuit, leftOut } of report.findings) {
        const edges = entryOf(byUpstream, upstream, () => new Map())
        const sum = entryOf(edges, report.edge, () => ({ zone: report.zone, open: 0, halfOpen: 0, leftOut: new Set<string>() }))
        if (circuit === 'open') sum.open++
        if (circuit === 'half-open') sum.halfOpen++
        for (const id of leftOut) sum.leftOut.add(id)
      }
    }
    return new Map([...byUpstream].map(([upstream, edges]) => [upstream, [...edges].map(([edge, sum]) => findingOf(edge, sum)).sort((a, b) => (a.edge < b.edge ? -1 : 1))]))
  }

  #forgetSilent(): void {
    const oldest = this.#now() - forgetAfterMs
    for (const [worker, { at }] of this.#byWorker) if (at < oldest) this.#byWorker.delete(worker)
  }
}

function findingOf(edge: string, { zone, open, halfOpen, leftOut }: { zone: string; open: number; halfOpen: number; leftOut: Set<string> }): EdgeFinding {
  return { edge, zone, state: open > 0 ? 'open' : halfOpen > 0 ? 'half-open' : 'closed', workersOpen: open, workersHalfOpen: halfOpen, leftOut: [...leftOut].sort() }
}

function entryOf<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key)
  if (known !== undefined) return known
  const made = make()
  map.set(key, made)
  return made
}
