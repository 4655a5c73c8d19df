/**
 * Password hashes by Argon2id with 19 MiB, two passes, one lane (OWASP's choice; RFC 9106 §4 discusses the trade). One
 * costs about 17 ms of CPU, so they have threads and a queue of their own: token checks never wait behind them. What can
 * wait has a queue behind that one, with an end of its own: it is worked on only while nothing else waits.
 */
import { parseOptions } from '@node-rs/argon2'
import { SluiceError } from '@sluice/errors'
import type { PasswordOutcome, PasswordTask } from './password.worker.ts'
import { ThreadPool } from './thread-pool.ts'

export interface PasswordQueueOptions {
  readonly file: URL
  readonly threads: number
  readonly queueLimit: number
}

interface Job {
  readonly task: PasswordTask
  resolve(outcome: PasswordOutcome): void
  reject(error: unknown): void
}

/** Of the places of the queue, how many there are for what can wait. */
const shareThatWaits = 0.25
const cost = { memoryKib: 19_456, passes: 2 } as const
/** What a hash from a file may cost at most: a check must not take a thread's second or the machine's memory. */
const most = { memoryKib: 65_536, passes: 10, parallelism: 4 } as const

/** Why `hash` is not one that passwords are checked against here, or undefined. */
export function passwordHashProblem(hash: string): string | undefined {
  if (!hash.startsWith('$argon2id$') || hash.length > 512) return 'it is not an Argon2id hash'
  try {
    const { memoryCost, timeCost, parallelism } = parseOptions(hash)
    if (memoryCost > most.memoryKib || timeCost > most.passes || parallelism > most.parallelism)
      return `it costs more than ${most.memoryKib} KiB, ${most.passes} passes or ${most.parallelism} lanes a check`
    return undefined
  } catch {
    return 'it is not an Argon2id hash'
  }
}

export class PasswordQueue {
  readonly #options: PasswordQueueOptions
  readonly #pool: ThreadPool<PasswordTask, PasswordOutcome>
  readonly #first: Job[] = []
  readonly #later: Job[] = []
  #running = 0

  constructor(options: PasswordQueueOptions) {
    this.#options = options
    this.#pool = new ThreadPool(options)
  }

  /** Passwords that wait or are worked on. */
  get pending(): number {
    return this.#first.length + this.#later.length + this.#running
  }

  async hash(password: string): Promise<string> {
    const outcome = await this.#run({ kind: 'hash', password, ...cost })
    if ('hash' in outcome) return outcome.hash
    throw new SluiceError('dependency.verifier_failed')
  }

  async matches(hash: string, password: string, canWait = false): Promise<boolean> {
    if (passwordHashProblem(hash) !== undefined) throw new SluiceError('dependency.verifier_failed', { detail: 'The stored hash cannot be used' })
    const outcome = await this.#run({ kind: 'verify', hash, password }, canWait)
    if ('matches' in outcome) return outcome.matches
    throw new SluiceError('dependency.verifier_failed')
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #run(task: PasswordTask, canWait = false): Promise<PasswordOutcome> {
    const { queueLimit } = this.#options
    const isFull = canWait ? this.#later.length >= queueLimit * shareThatWaits : this.#first.length + this.#running >= queueLimit
    if (isFull) throw new SluiceError('dependency.verifier_overloaded')
    return new Promise((resolve, reject) => {
      ;(canWait ? this.#later : this.#first).push({ task, resolve, reject })
      this.#next()
    })
  }

  /** Keeps the threads busy, and no more than that: what is with them can be overtaken no longer. */
  #next(): void {
    while (this.#running < this.#options.threads) {
      const job = this.#first.shift() ?? this.#later.shift()
      if (job === undefined) return
      this.#running++
      this.#pool.run(job.task).then(job.resolve, job.reject).finally(() => {
        this.#running--
        this.#next()
      })
    }
  }
}
