/**
 * Signature checks on their way to the threads. What arrives in one turn of the event loop goes together, at most
 * eight jobs or half a millisecond of work: one job a task costs a thread round trip each, which is more than an RS256
 * check; eight share it. While the threads are busy jobs gather here, so that batches grow with the load.
 */
import { SluiceError } from '@sluice/errors'
import type { AlgorithmName } from './algorithms.ts'
import type { SignatureBatch, SignatureOutcome } from './signature.worker.ts'
import { ThreadPool } from './thread-pool.ts'
import type { VerificationKey } from './verification-key.ts'

export interface SignatureJob {
  readonly algorithm: AlgorithmName
  readonly key: VerificationKey
  /** What was signed; ASCII. */
  readonly signingInput: string
  /** base64url */
  readonly signature: string
}

export interface SignatureQueueOptions {
  readonly file: URL
  readonly threads: number
  readonly queueLimit: number
  readonly batchSize: number
}

interface Waiting extends SignatureJob {
  resolve(isValid: boolean): void
  reject(error: unknown): void
}

const batchMicroseconds = 500
/** One that runs and one that waits behind it, so that a thread is not idle for a round trip. */
const batchesPerThread = 2
const maxKeysNoted = 1000

export class SignatureQueue {
  readonly #options: SignatureQueueOptions
  readonly #pool: ThreadPool<SignatureBatch, SignatureOutcome[]>
  /** Keys that went to a thread before; one that does not have it asks for it again. */
  readonly #keysSent = new Set<string>()
  #waiting: Waiting[] = []
  #pending = 0
  #batches = 0
  #isScheduled = false

  constructor(options: SignatureQueueOptions) {
    this.#options = options
    this.#pool = new ThreadPool(options)
  }

  /** Jobs that wait or run. */
  get pending(): number {
    return this.#pending
  }

  verify(job: SignatureJob): Promise<boolean> {
    if (this.#pending >= this.#options.queueLimit) return Promise.reject(new SluiceError('dependency.verifier_overloaded'))
    this.#pending++
    return new Promise<boolean>((resolve, reject) => {
      this.#waiting.push({ ...job, resolve, reject })
      this.#schedule()
    }).finally(() => {
      this.#pending--
    })
  }

  /** Starts every thread and loads what it runs. */
  async warm(): Promise<void> {
    await Promise.all(Array.from({ length: this.#options.threads }, () => this.#pool.run({ jobs: [], keys: [] })))
  }

  async close(): Promise<void> {
    const waiting = this.#waiting
    this.#waiting = []
    for (const job of waiting) job.reject(new SluiceError('internal.draining'))
    await this.#pool.close()
  }

  /** After the I/O callbacks of this turn, which may bring more jobs. */
  #schedule(): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    while (this.#waiting.length > 0 && this.#batches < this.#options.threads * batchesPerThread) void this.#send(this.#nextBatch())
  }

  #nextBatch(): Waiting[] {
    let microseconds = 0
    let count = 0
    for (const { key } of this.#waiting) {
      microseconds += key.microseconds
      if (count > 0 && (microseconds > batchMicroseconds || count >= this.#options.batchSize)) break
      count++
    }
    return this.#waiting.splice(0, count)
  }

  async #send(batch: Waiting[]): Promise<void> {
    this.#batches++
    try {
      const outcomes = await this.#pool.run({ jobs: batch.map(jobFacts), keys: this.#keysFor(batch) })
      batch.forEach((job, index) => this.#settle(job, outcomes[index]))
    } catch (error) {
      for (const job of batch) job.reject(error)
    } finally {
      this.#batches--
      this.#flush()
    }
  }

  #settle(job: Waiting, outcome: SignatureOutcome | undefined): void {
    if (outcome === 'valid' || outcome === 'invalid') return job.resolve(outcome === 'valid')
    if (outcome !== 'key_missing') return job.reject(new SluiceError('dependency.verifier_failed'))
    // Another thread had the key, or the thread is a new one.
    this.#keysSent.delete(job.key.id)
    this.#waiting.unshift(job)
  }

  #keysFor(batch: readonly Waiting[]): VerificationKey[] {
    const keys = batch.map((job) => job.key).filter((key) => !this.#keysSent.has(key.id))
    if (this.#keysSent.size + keys.length > maxKeysNoted) this.#keysSent.clear()
    for (const key of keys) this.#keysSent.add(key.id)
    return keys
  }
}

function jobFacts({ algorithm, key, signingInput, signature }: SignatureJob): SignatureBatch['jobs'][number] {
  return { algorithm, keyId: key.id, signingInput, signature }
}
