import { PasswordQueue } from './password-queue.ts'
import { type SignatureJob, SignatureQueue } from './signature-queue.ts'

export interface VerifierOptions {
  /** For signatures [1]. */
  readonly threads?: number
  /** Signature checks that may wait or run [1024]. */
  readonly queueLimit?: number
  /** Signature checks that go to a thread together [8]. */
  readonly batchSize?: number
  /** For passwords; started by the first one [1]. */
  readonly passwordThreads?: number
  /** Passwords that may wait or be worked on; at 17 ms each 64 are a second of one thread [64 a thread]. */
  readonly passwordQueueLimit?: number
  /** What the threads run instead of the package's own files; for tests of what happens when they end. */
  readonly workers?: { readonly signatures?: URL; readonly passwords?: URL }
}

export interface Verifier {
  /** Rejects with `dependency.verifier_overloaded` when too many wait, `dependency.verifier_failed` when the thread ended. */
  verifySignature(job: SignatureJob): Promise<boolean>
  /** The Argon2id hash, as a PHC string with a salt of its own. Rejects like `verifySignature`. */
  hashPassword(password: string): Promise<string>
  /**
   * Rejects like `verifySignature`; also for a hash that `passwordHashProblem` has something to say about. With `canWait` it is
   * looked at only while nothing else waits, and has a quarter of the queue's places.
   */
  verifyPassword(hash: string, password: string, canWait?: boolean): Promise<boolean>
  /** Starts the signature threads, so that the first token does not wait for them. */
  warm(): Promise<void>
  /** What waits or runs now. */
  load(): { readonly signatures: number; readonly passwords: number }
  /** Ends the threads; what still waits is rejected with `internal.draining`. */
  close(): Promise<void>
}

/** Checks of signatures and passwords on threads; none is started before it is needed. */
export function createVerifier(options: VerifierOptions = {}): Verifier {
  const { threads = 1, queueLimit = 1024, batchSize = 8, passwordThreads = 1, workers = {} } = options
  const signatures = new SignatureQueue({
    threads, queueLimit, batchSize,
    file: workers.signatures ?? new URL('./signature.worker.ts', import.meta.url),
  })
  const passwords = new PasswordQueue({
    threads: passwordThreads,
    queueLimit: options.passwordQueueLimit ?? 64 * passwordThreads,
    file: workers.passwords ?? new URL('./password.worker.ts', import.meta.url),
  })
  return {
    verifySignature: (job) => signatures.verify(job),
    hashPassword: (password) => passwords.hash(password),
    verifyPassword: (hash, password, canWait) => passwords.matches(hash, password, canWait),
    warm: () => signatures.warm(),
    load: () => ({ signatures: signatures.pending, passwords: passwords.pending }),
    async close() {
      await Promise.all([signatures.close(), passwords.close()])
    },
  }
}
