/** Which revision the workers are to run: what control announced, what lay on the disk, and what is gone back to when workers keep ending. */
import type { ConfigRevision } from '@sluice/buses/config-feed'
import type { Clock, Logger } from '@sluice/service-kit'
import { CrashGuard } from './crash-guard.ts'
import { type RevisionRefusal, shrinkRefusal } from './shrink-guard.ts'

export interface CurrentRevisionParts {
  readonly clock: Clock
  readonly logger: Logger
  /** Hands it to the workers; `isProven`: workers of this edge have run it. */
  readonly publish: (revision: ConfigRevision, isProven: boolean) => void
  /** It is not to be started from again. */
  readonly drop: (revision: ConfigRevision) => void
  /** There is another refusal to tell of. */
  readonly onRefused: () => void
}

export class CurrentRevision {
  readonly #parts: CurrentRevisionParts
  readonly #crashes: CrashGuard
  #current: ConfigRevision | undefined
  #refusal: RevisionRefusal | undefined

  constructor(parts: CurrentRevisionParts) {
    this.#parts = parts
    this.#crashes = new CrashGuard(parts.clock)
  }

  /** The number of what the workers are to run; 0 before the first. */
  get revision(): number {
    return this.#current?.revision ?? 0
  }

  /** Why a newer revision than that was not taken, or was given up. */
  get refusal(): RevisionRefusal | undefined {
    return this.#refusal
  }

  /** What workers of this edge have run before. */
  begin(stored: ConfigRevision): void {
    this.#publish(stored, true)
  }

  /** A revision from control: taken, or refused for what can be seen from here. */
  take(revision: ConfigRevision): void {
    const current = this.#current
    this.#refusal = current === undefined ? undefined : shrinkRefusal(current, revision)
    if (this.#refusal !== undefined) {
      this.#parts.logger.error({ revision: revision.revision }, this.#refusal.detail)
      return this.#parts.onRefused()
    }
    if (current !== undefined) this.#crashes.replaced(current)
    this.#publish(revision, false)
  }

  /** A worker ended by its own fault. When they end again and again soon after a revision, it goes, and the one before it comes back. */
  crashed(): void {
    const previous = this.#crashes.crashed()
    const current = this.#current
    if (previous === undefined || current === undefined) return
    const detail = `Workers ended twice within a minute of revision ${current.revision}; revision ${previous.revision} serves again`
    this.#refusal = { revision: current.revision, digest: current.config.digest, code: 'config.refused_by_edge', pointer: '', detail }
    this.#parts.logger.error({ revision: current.revision, previous: previous.revision }, detail)
    this.#parts.drop(current)
    this.#publish(previous, true)
    this.#parts.onRefused()
  }

  #publish(revision: ConfigRevision, isProven: boolean): void {
    this.#current = revision
    this.#crashes.published()
    this.#parts.publish(revision, isProven)
  }
}
