import type { ActiveHealth } from '@sluice/proto/config'
import type { Cell, MetricsRegistry } from '@sluice/service-kit'
import { probe, type ProbeTarget } from './probe.ts'
import { Schedule } from './schedule.ts'
import type { Verdict } from './verdict.ts'

/** Probes under way at once; what is due beyond them waits its turn. */
const maxRunning = 64
/** The first probes after a start or a change are spread over this long. */
const firstProbeMs = 1000
/** A probe that somebody asks for comes at once, but no sooner than this after the one before. */
const leastPauseMs = 1000

export interface ProbedEndpoint {
  readonly target: ProbeTarget
  readonly settings: ActiveHealth
  readonly verdict: Verdict
  /** The verdict has changed. */
  onVerdict(): void
}

export interface Probing {
  stop(): void
  /** Probes now instead of when it is due: there is reason to doubt. While a probe is under way another one follows it, since that may have been sent before. */
  hurry(): void
}

interface Task {
  readonly endpoint: ProbedEndpoint
  isStopped: boolean
  isRunning: boolean
  /** Hurried while a probe was under way. */
  isDoubted: boolean
  /** What of the schedule still counts: one that was hurried is due twice. */
  turn: number
  lastBegunAt: number
}

interface Due {
  readonly task: Task
  readonly turn: number
}

/** Probes endpoints at their intervals, each by itself, never more than 64 at once. */
export class Prober {
  readonly #schedule = new Schedule<Due>(({ task, turn }) => {
    if (turn === task.turn) this.#begin(task)
  })
  /** From `#nextWaiting` on; what stands before has had its turn. */
  #waiting: Task[] = []
  #nextWaiting = 0
  readonly #abort = new AbortController()
  readonly #outcomes: { success: Cell; failure: Cell }
  #running = 0

  constructor(metrics: MetricsRegistry) {
    const probes = metrics.counter('sluice_probes_total', 'Health probes by outcome.', ['outcome'])
    this.#outcomes = { success: probes.with('success'), failure: probes.with('failure') }
    const waiting = metrics.gauge('sluice_probes_waiting', 'Health probes that are due and wait because 64 are under way.').with()
    metrics.onCollect(() => waiting.set(this.#waiting.length - this.#nextWaiting))
  }

  /** Probes the endpoint until it is stopped. */
  add(endpoint: ProbedEndpoint): Probing {
    const task: Task = { endpoint, isStopped: false, isRunning: false, isDoubted: false, turn: 0, lastBegunAt: -Infinity }
    this.#plan(task, Math.random() * Math.min(firstProbeMs, endpoint.settings.intervalSeconds * 1000))
    return {
      stop: () => {
        task.isStopped = true
      },
      hurry: () => {
        if (task.isRunning) task.isDoubted = true
        else this.#plan(task, untilNextAllowed(task))
      },
    }
  }

  stop(): void {
    this.#schedule.stop()
    this.#waiting = []
    this.#abort.abort()
  }

  #plan(task: Task, afterMs: number): void {
    this.#schedule.add({ task, turn: ++task.turn }, afterMs)
  }

  #begin(task: Task): void {
    if (task.isStopped) return
    task.isRunning = true
    if (this.#running >= maxRunning) this.#waiting.push(task)
    else void this.#probe(task)
  }

  async #probe(task: Task): Promise<void> {
    const { target, settings, verdict } = task.endpoint
    this.#running++
    task.lastBegunAt = performance.now()
    task.isDoubted = false
    const failure = await probe(target, this.#abort.signal)
    this.#running--
    task.isRunning = false
    if (!task.isStopped && !this.#abort.signal.aborted) {
      this.#outcomes[failure === undefined ? 'success' : 'failure'].add(1)
      if (verdict.note(failure, settings)) task.endpoint.onVerdict()
      // ± 10 %, so that endpoints that started together drift apart.
      const whenDueMs = verdict.nextAfterMs(settings.intervalSeconds * 1000) * (0.9 + 0.2 * Math.random())
      this.#plan(task, task.isDoubted ? Math.min(untilNextAllowed(task), whenDueMs) : whenDueMs)
    }
    this.#beginWaiting()
  }

  #beginWaiting(): void {
    while (this.#running < maxRunning && this.#nextWaiting < this.#waiting.length) this.#begin(this.#waiting[this.#nextWaiting++]!)
    if (this.#nextWaiting < 1000 && this.#nextWaiting < this.#waiting.length) return
    this.#waiting = this.#waiting.slice(this.#nextWaiting)
    this.#nextWaiting = 0
  }
}

function untilNextAllowed({ lastBegunAt }: Task): number {
  return Math.max(0, lastBegunAt + leastPauseMs - performance.now())
}
