/**
 * Piscina threads that may be lost: a thread that ends fails only what it was doing, a pool that cannot start or hangs
 * is thrown away and made anew by the next task. Nothing is started before the first task.
 */
import { SluiceError } from '@sluice/errors'
import { Piscina } from 'piscina'

export interface PoolOptions {
  /** The module that each thread runs. */
  readonly file: URL
  readonly threads: number
  /** Between two looks for tasks that hang [1000]. */
  readonly watchMs?: number
}

interface Running {
  reject(error: unknown): void
  /** Turns of the watch it has lived through; counted, not timed, so that a machine that slept fails nothing. */
  turns: number
}

/** No task takes longer than tens of milliseconds: one that outlives this hangs. */
const mostTurns = 5
/** Checks hold next to nothing; a thread that grows beyond this ends alone, without taking the process's memory. */
const resourceLimits = { maxOldGenerationSizeMb: 64, maxYoungGenerationSizeMb: 16 }

export class ThreadPool<T, R> {
  readonly #options: PoolOptions
  readonly #running = new Set<Running>()
  #pool: Piscina<T, R> | undefined
  #watch: NodeJS.Timeout | undefined
  #closed = false

  constructor(options: PoolOptions) {
    this.#options = options
  }

  /** Runs `task` on a thread. Rejects with `dependency.verifier_failed` when the thread ends first. */
  run(task: T): Promise<R> {
    if (this.#closed) return Promise.reject(new SluiceError('internal.draining'))
    return new Promise((resolve, reject) => {
      const running: Running = { reject, turns: 0 }
      this.#running.add(running)
      this.#watch ??= setInterval(() => this.#look(), this.#options.watchMs ?? 1000).unref()
      const done = () => this.#forget(running)
      this.#open()
        .run(task)
        .then(resolve, (cause: unknown) => reject(failed(cause)))
        .finally(done)
    })
  }

  /** Ends the threads; what still runs is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    await this.#abandon(new SluiceError('internal.draining'))
  }

  #open(): Piscina<T, R> {
    if (this.#pool !== undefined) return this.#pool
    const { file, threads } = this.#options
    // No environment: what runs there needs none, and secrets stay where they are.
    const pool = new Piscina<T, R>({ filename: file.href, minThreads: threads, maxThreads: threads, env: {}, resourceLimits })
    // Told only of threads that ended outside a task: the pool may be left with none, and would keep what waits.
    pool.on('error', (cause: unknown) => {
      if (this.#pool === pool) void this.#abandon(failed(cause))
    })
    this.#pool = pool
    return pool
  }

  #look(): void {
    let hangs = false
    for (const running of this.#running) if (++running.turns > mostTurns) hangs = true
    if (hangs) void this.#abandon(failed(new Error('a thread did not answer')))
  }

  async #abandon(error: SluiceError): Promise<void> {
    const pool = this.#pool
    this.#pool = undefined
    for (const running of [...this.#running]) {
      running.reject(error)
      this.#forget(running)
    }
    await pool?.destroy()
  }

  #forget(running: Running): void {
    this.#running.delete(running)
    if (this.#running.size > 0) return
    clearInterval(this.#watch)
    this.#watch = undefined
  }
}

function failed(cause: unknown): SluiceError {
  return cause instanceof SluiceError ? cause : new SluiceError('dependency.verifier_failed', { cause })
}
