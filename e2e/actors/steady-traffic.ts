// Clients that ask all the time while a test does something to the system, and remember every answer.
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, waitUntil, type Cleanup } from '@sluice/testkit'
import { healthPath } from '../modes/running-system.ts'
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
  /** All edges behind a load balancer, which asks their health path and sends nothing to an edge that is not well. */
  readonly balanced?: boolean
}

/** Whoever has had no answer by then gives up; a connection that a killed worker was being handed hangs for as long as its client waits. */
const answerWithinMs = 5000
const probeEveryMs = 50

/** A pause of each client between two requests, so that the machine has time for the system, too. */
const pauseMs = 5

export class SteadyTraffic {
  readonly outcomes: Outcome[] = []
  readonly #edges: readonly Edge[]
  readonly #options: TrafficOptions
  readonly #agents: Agent[] = []
  readonly #clients: Promise<void>[]
  readonly #ill = new Set<Edge>()
  #isRunning = true

  constructor(edges: readonly Edge[], options: TrafficOptions) {
    this.#edges = edges
    this.#options = options
    const perEdge = options.clients ?? 4
    this.#clients = edges.flatMap((_, home) => Array.from({ length: perEdge }, (_nothing, index) => this.#run(home, index % 2 === 0)))
    if (options.balanced) this.#clients.push(...edges.map((edge) => this.#probe(edge)))
  }

  /** All that were not answered with 200. */
  get failures(): Outcome[] {
    return this.outcomes.filter((outcome) => outcome.status !== 200)
  }

  /** Resolves once every edge has answered `count` more requests (any edge, behind a balancer). */
  async more(count: number): Promise<void> {
    const from = this.outcomes.length
    const isEnough = (name: string) => this.outcomes.slice(from).filter((outcome) => outcome.edge === name).length >= count
    const answered = () => (this.#options.balanced ? this.outcomes.length >= from + count : this.#edges.every((edge) => isEnough(edge.name)))
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
      const edge = this.#options.balanced ? this.#wellFrom(home + turn) : this.#edges[home]
      if (edge !== undefined) this.outcomes.push(await this.#ask(edge, agent))
      await sleep(pauseMs)
    }
  }

  /** The next edge that is well; undefined when none is. */
  #wellFrom(turn: number): Edge | undefined {
    const { length } = this.#edges
    return this.#edges.map((_, index) => this.#edges[(turn + index) % length]!).find((edge) => !this.#ill.has(edge))
  }

  async #ask({ name, url }: Edge, agent: Agent | undefined): Promise<Outcome> {
    const { path, method = 'GET', headers = {} } = this.#options
    const startedAt = performance.now()
    try {
      const { status, body } = await fetchOnce(url, { path, method, headers, agent: agent ?? false, timeoutMs: answerWithinMs })
      return { edge: name, startedAt, endedAt: performance.now(), status, body, error: undefined }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      return { edge: name, startedAt, endedAt: performance.now(), status: undefined, body: '', error: code ?? message }
    }
  }

  async #probe(edge: Edge): Promise<void> {
    while (this.#isRunning) {
      const isWell = await fetchOnce(edge.url, { path: healthPath, timeoutMs: answerWithinMs }).then(({ status }) => status === 200, () => false)
      if (isWell) this.#ill.delete(edge)
      else this.#ill.add(edge)
      await sleep(probeEveryMs)
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
