/**
 * Password hashes by Argon2id with 19 MiB, two passes, one lane (OWASP's choice; RFC 9106 §4 discusses the trade). One
 * costs about 17 ms of CPU, so they have threads and a queue of their own: token checks never wait behind them.
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
  #pending = 0

  constructor(options: PasswordQueueOptions) {
    this.#options = options
    this.#pool = new ThreadPool(options)
  }

  /** Passwords that wait or are worked on. */
  get pending(): number {
    return this.#pending
  }

  async hash(password: string): Promise<string> {
    const outcome = await this.#run({ kind: 'hash', password, ...cost })
    if ('hash' in outcome) return outcome.hash
    throw new SluiceError('dependency.verifier_failed')
  }

  async matches(hash: string, password: string): Promise<boolean> {
    if (passwordHashProblem(hash) !== undefined) throw new SluiceError('dependency.verifier_failed', { detail: 'The stored hash cannot be used' })
    const outcome = await this.#run({ kind: 'verify', hash, password })
    if ('matches' in outcome) return outcome.matches
    throw new SluiceError('dependency.verifier_failed')
  }

  close(): Promise<void> {
    return this.#pool.close()
  }

  async #run(task: PasswordTask): Promise<PasswordOutcome> {
    if (this.#pending >= this.#options.queueLimit) throw new SluiceError('dependency.verifier_overloaded')
    this.#pending++
    try {
      return await this.#pool.run(task)
    } finally {
      this.#pending--
    }
  }
}
