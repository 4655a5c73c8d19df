// Requests at a rate that does not depend on how fast they are answered: what waits is late from the moment it was due.
import { Agent } from 'node:http'
import { fetchOnce } from '@sluice/testkit'
import type { Edge } from '../modes/system.ts'

export interface Ask {
  /** What kind of request it is, for the report. */
  readonly kind: string
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  /** Whether an answer with 200 is the right one. */
  readonly isRight: (body: string) => boolean
}

interface Finished {
  readonly kind: string
  readonly edge: string
  /** On performance.now(). */
  readonly dueAt: number
  readonly ms: number
  readonly status: number | undefined
  readonly fault: string | undefined
}

export interface Span {
  readonly requests: number
  readonly p50: number
  readonly p99: number
  /** Neither 200 nor a refusal that was meant: what went wrong, with how often. */
  readonly faults: ReadonlyMap<string, number>
  /** 200 with the answer of something else. */
  readonly wrong: number
}

const tickMs = 10
const answerWithinMs = 10_000
const socketsPerEdge = 48
/** Beyond this many that are not answered, requests are not sent but count as failed: the clients must not become the fault. */
const maxUnderWay = 2000

export class OpenLoad {
  readonly #edges: readonly Edge[]
  readonly #asks: readonly Ask[]
  readonly #finished: Finished[] = []
  readonly #agents = new Map<Edge, Agent>()
  readonly #timer: NodeJS.Timeout
  readonly #began = performance.now()
  readonly #perSecond: number
  #sent = 0
  #underWay = 0

  constructor(edges: readonly Edge[], asks: readonly Ask[], perSecond: number) {
    this.#edges = edges
    this.#asks = asks
    this.#perSecond = perSecond
    for (const edge of edges) this.#agents.set(edge, new Agent({ keepAlive: true, maxSockets: socketsPerEdge }))
    this.#timer = setInterval(() => this.#sendDue(), tickMs)
  }

  /** What was due between two instants on performance.now() and is finished; `edges` names those that count [all]. */
  between(from: number, to: number, edges?: readonly string[]): Span {
    const within = this.#finished.filter(({ dueAt, edge }) => dueAt >= from && dueAt < to && (edges === undefined || edges.includes(edge)))
    const times = within.map(({ ms }) => ms).toSorted((one, other) => one - other)
    const faults = new Map<string, number>()
    for (const { fault } of within) if (fault !== undefined && fault !== 'wrong') faults.set(fault, (faults.get(fault) ?? 0) + 1)
    return { requests: within.length, p50: quantile(times, 0.5), p99: quantile(times, 0.99), faults, wrong: within.filter(({ fault }) => fault === 'wrong').length }
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    for (const agent of this.#agents.values()) agent.destroy()
  }

  #sendDue(): void {
    const due = Math.floor(((performance.now() - this.#began) / 1000) * this.#perSecond)
    for (; this.#sent < due; this.#sent++) {
      const edge = this.#edges[this.#sent % this.#edges.length]!
      const ask = this.#asks[Math.floor(this.#sent / this.#edges.length) % this.#asks.length]!
      void this.#send(edge, ask, this.#began + (this.#sent / this.#perSecond) * 1000)
    }
  }

  async #send(edge: Edge, ask: Ask, dueAt: number): Promise<void> {
    const finish = (status: number | undefined, fault: string | undefined) => void this.#finished.push({ kind: ask.kind, edge: edge.name, dueAt, ms: performance.now() - dueAt, status, fault })
    if (this.#underWay >= maxUnderWay) return finish(undefined, 'not sent: too many wait')
    this.#underWay++
    try {
      const { status, body } = await fetchOnce(edge.url, { path: ask.path, headers: { ...ask.headers }, agent: this.#agents.get(edge)!, timeoutMs: answerWithinMs })
      finish(status, faultOf(ask, status, body))
    } catch (error) {
      finish(undefined, `${ask.kind}: ${(error as NodeJS.ErrnoException).code ?? 'no whole answer'}`)
    } finally {
      this.#underWay--
    }
  }
}

function faultOf({ kind, isRight }: Ask, status: number, body: string): string | undefined {
  if (status === 200) return isRight(body) ? undefined : 'wrong'
  const [, reason = ''] = /"reason":"([^"]+)"/.exec(body) ?? []
  return `${kind}: ${status} ${reason}`.trim()
}

function quantile(sorted: readonly number[], share: number): number {
  return sorted.length === 0 ? Number.NaN : sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}
