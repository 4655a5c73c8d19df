/**
 * Which edges there are and what they run, from their reports. An edge is live until it says goodbye or has been
 * silent for 30 s (reports come every 10 s). One that the store remembers counts as live until then, too, although it
 * has not been heard yet: a control that has just started must not answer for edges that it has not asked.
 */
import type { KnownEdge } from '@sluice/config-stores/config-store'
import { maxOrders } from '@sluice/proto/break-glass'
import type { ConfigRefusal, EdgeReport } from '@sluice/proto/messages/control'
import type { Clock } from '@sluice/service-kit'
import type { Traffic } from './ring-verdict.ts'

const silenceMs = 30_000
/** How long one that left or fell silent is shown. */
const shownMs = 24 * 3_600_000
const maxEdges = 10_000

export type EdgeState = 'live' | 'leaving' | 'missing'

export interface Edge {
  readonly name: string
  readonly instance: string
  readonly zone: string
  readonly datacenter: string
  readonly version: string
  readonly workers: number
  /** The lowest revision that any of its workers serves. */
  readonly revision: number
  readonly credentialVersion: number
  readonly refusal: ConfigRefusal | undefined
  /** Break-glass orders that all its workers obey, as `orderKey` writes them. */
  readonly orders: readonly string[]
  /** Since its start, while control asks for it. */
  readonly traffic?: Traffic | undefined
  readonly isLeaving: boolean
  readonly lastHeartbeatMs: number
  /** On the registry's own time. */
  readonly heardAt: number
}

export type Hearing =
  | { readonly accepted: true; readonly edge: Edge; readonly before: EdgeState | undefined }
  | { readonly accepted: false; readonly reason: string }

export class EdgeRegistry {
  readonly #edges = new Map<string, Edge>()
  readonly #clock: Clock
  readonly #time: { now(): number }

  /** `time` is what edges age by. */
  constructor(clock: Clock, time: { now(): number }) {
    this.#clock = clock
    this.#time = time
  }

  /** Takes in those that another control, or this one before its start, has seen. */
  remember(known: readonly KnownEdge[]): void {
    for (const { name, instance, lastHeartbeatMs } of known) {
      if (this.#edges.has(name) || this.#edges.size >= maxEdges) continue
      const unheard = { zone: '', datacenter: '', version: '', workers: 0, revision: 0, credentialVersion: 0, orders: [], refusal: undefined, isLeaving: false }
      this.#edges.set(name, { name, instance, ...unheard, lastHeartbeatMs, heardAt: this.#time.now() })
    }
  }

  /** Takes a report in, or says why not: another live edge has the name, or the report is no good. */
  hear(report: EdgeReport): Hearing {
    const fault = faultOf(report)
    if (fault !== undefined) return { accepted: false, reason: fault }
    const known = this.#edges.get(report.edge)
    if (known !== undefined && known.instance !== report.instance && this.stateOf(known) === 'live') {
      return { accepted: false, reason: `another live edge has the name "${report.edge}"; give this one a name of its own (SLUICE_EDGE_NAME)` }
    }
    if (known === undefined && !this.#makeRoom()) return { accepted: false, reason: `there are ${maxEdges} edges already` }
    const edge = this.#edgeOf(report)
    const before = known === undefined || known.instance !== report.instance ? undefined : this.stateOf(known)
    this.#edges.set(edge.name, edge)
    return { accepted: true, edge, before }
  }

  stateOf(edge: Edge): EdgeState {
    if (edge.isLeaving) return 'leaving'
    return this.#time.now() - edge.heardAt < silenceMs ? 'live' : 'missing'
  }

  live(): Edge[] {
    return this.all().filter((edge) => this.stateOf(edge) === 'live')
  }

  /** Workers of the live edges: in the edge's zone, in its datacenter, and all. */
  workersAround({ zone, datacenter }: Edge): { zone: number; datacenter: number; global: number } {
    const counted = { zone: 0, datacenter: 0, global: 0 }
    for (const edge of this.#edges.values()) {
      if (this.stateOf(edge) !== 'live') continue
      counted.global += edge.workers
      if (edge.datacenter !== datacenter) continue
      counted.datacenter += edge.workers
      if (edge.zone === zone) counted.zone += edge.workers
    }
    return counted
  }

  /** A live edge of which that is true, any of them. */
  someLive(isIt: (edge: Edge) => boolean): Edge | undefined {
    for (const edge of this.#edges.values()) if (isIt(edge) && this.stateOf(edge) === 'live') return edge
    return undefined
  }

  /** What the edge said last, while it is live. */
  liveNamed(name: string): Edge | undefined {
    const edge = this.#edges.get(name)
    return edge !== undefined && this.stateOf(edge) === 'live' ? edge : undefined
  }

  /** By name. Forgets those that have been away for a day. */
  all(): Edge[] {
    for (const [name, edge] of this.#edges) {
      if (this.#time.now() - edge.heardAt > shownMs && this.stateOf(edge) !== 'live') this.#edges.delete(name)
    }
    return [...this.#edges.values()].sort((a, b) => (a.name < b.name ? -1 : 1))
  }

  #edgeOf(report: EdgeReport): Edge {
    const { edge: name, instance, zone, datacenter, version, workers, revision, credentialVersion, leaving: isLeaving } = report
    const { refusal, traffic, orders } = report
    return { name, instance, zone, datacenter, version, workers, revision, credentialVersion, orders, refusal, traffic, isLeaving, lastHeartbeatMs: this.#clock.now(), heardAt: this.#time.now() }
  }

  #makeRoom(): boolean {
    if (this.#edges.size < maxEdges) return true
    const gone = [...this.#edges.values()].filter((edge) => this.stateOf(edge) !== 'live').sort((a, b) => a.heardAt - b.heardAt)[0]
    return gone !== undefined && this.#edges.delete(gone.name)
  }
}

function faultOf({ edge, instance, revision, credentialVersion, orders }: EdgeReport): string | undefined {
  if (edge === '' || edge.length > 253) return 'an edge has a name of 1 to 253 characters'
  if (instance === '' || instance.length > 128) return 'an edge says an instance of 1 to 128 characters'
  if (orders.length > 2 * maxOrders) return `an edge obeys ${2 * maxOrders} orders at most`
  if (!isCount(revision) || !isCount(credentialVersion)) return 'revisions and versions are whole numbers'
  return undefined
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0
}
