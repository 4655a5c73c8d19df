// Clients that ask all the time while a test does something to the system, and remember every answer.
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, waitUntil, type Cleanup } from '@sluice/testkit'
import type { Edge } from '../modes/system.ts'

export interface Outcome {
  readonly edge: string
  /** Both on performance.now(). */
  readonly startedAt: number
  readonly endedAt: number
  /** Undefined when there was no whole answer: then `error` says why. */
  readonly status: number | undefined
  readonly body: string
  readonly error: string | undefined
}

export interface TrafficOptions {
  readonly path: string
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  /** Clients for each edge; half of them keep their connections [4]. */
  readonly clients?: number
  /** As a load balancer does: whoever is refused by an edge goes to another one. */
  readonly failOver?: boolean
}

/** Whoever has had no answer by then gives up; a connection that a killed worker was being handed hangs for as long as its client waits. */
const answerWithinMs = 5000

/** A pause of each client between two requests, so that the machine has time for the system, too. */
const pauseMs = 5

export class SteadyTraffic {
  readonly outcomes: Outcome[] = []
  readonly #edges: readonly Edge[]
  readonly #options: TrafficOptions
  readonly #agents: Agent[] = []
  readonly #clients: Promise<void>[]
  #isRunning = true

  constructor(edges: readonly Edge[], options: TrafficOptions) {
    this.#edges = edges
    this.#options = options
    const perEdge = options.clients ?? 4
    this.#clients = edges.flatMap((_, home) => Array.from({ length: perEdge }, (_nothing, index) => this.#run(home, index % 2 === 0)))
  }

  /** All that were not answered with 200. */
  get failures(): Outcome[] {
    return this.outcomes.filter((outcome) => outcome.status !== 200)
  }

  /** Resolves once every edge has answered `count` more requests (any edge, with `failOver`). */
  async more(count: number): Promise<void> {
    const from = this.outcomes.length
    const isEnough = (name: string) => this.outcomes.slice(from).filter((outcome) => outcome.edge === name).length >= count
    const answered = () => (this.#options.failOver ? this.outcomes.length >= from + count : this.#edges.every((edge) => isEnough(edge.name)))
    await waitUntil(answered, { timeoutMs: 30_000, what: `${count} more requests` })
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#clients)
    for (const agent of this.#agents) agent.destroy()
  }

  async #run(home: number, keepsConnections: boolean): Promise<void> {
    const agent = keepsConnections ? new Agent({ keepAlive: true, maxSockets: 1 }) : undefined
    if (agent !== undefined) this.#agents.push(agent)
    for (let turn = 0; this.#isRunning; turn++) {
      // A balancer spreads each client's requests over all edges.
      this.outcomes.push(await this.#ask(this.#options.failOver ? home + turn : home, agent))
      await sleep(pauseMs)
    }
  }

  async #ask(first: number, agent: Agent | undefined): Promise<Outcome> {
    const attempts = this.#options.failOver ? this.#edges.length : 1
    const startedAt = performance.now()
    for (let attempt = 1; ; attempt++) {
      const { name, url } = this.#edges[(first + attempt - 1) % this.#edges.length]!
      const { path, method = 'GET', headers = {} } = this.#options
      try {
        const { status, body } = await fetchOnce(url, { path, method, headers, agent: agent ?? false, timeoutMs: answerWithinMs })
        return { edge: name, startedAt, endedAt: performance.now(), status, body, error: undefined }
      } catch (error) {
        const { code, message } = error as NodeJS.ErrnoException
        // Nothing listens there: the one thing after which another edge may be asked without any risk.
        if (code === 'ECONNREFUSED' && attempt < attempts) continue
        return { edge: name, startedAt, endedAt: performance.now(), status: undefined, body: '', error: code ?? message }
      }
    }
  }
}

/** Traffic on these edges until it is stopped, or the test ends. */
export function startTraffic(t: Cleanup, edges: readonly Edge[], options: TrafficOptions): SteadyTraffic {
  const traffic = new SteadyTraffic(edges, options)
  t.after(() => traffic.stop())
  return traffic
}

/** What went wrong, for messages of assertions. */
export function describeFailures(failures: readonly Outcome[]): string {
  return failures.slice(0, 5).map(({ edge, status, error, body }) => `${edge}: ${error ?? status} ${body.slice(0, 200)}`).join('\n')
}
