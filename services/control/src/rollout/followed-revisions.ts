/** Tells the log and the metrics of each revision that was committed here when every edge ran it, or which ones did not. */
import type { Logger } from '@sluice/service-kit'
import { revisionGoal } from './receipts.ts'
import type { Rollout } from './rollout.ts'

export interface FollowedParts {
  readonly rollout: Pick<Rollout, 'waitFor'>
  readonly logger: Logger
  readonly observePropagation: (ms: number) => void
}

const followMs = 30_000
/** Of those that are committed while so many are followed nothing is told. */
const maxFollowed = 20

export class FollowedRevisions {
  readonly #parts: FollowedParts
  #followed = 0
  #isStopping = false

  constructor(parts: FollowedParts) {
    this.#parts = parts
  }

  /** `at`: when it was committed; `edges`: whom it is for, everybody when left out. */
  async follow(revision: number, at: number, edges: readonly string[] | undefined): Promise<void> {
    if (this.#followed >= maxFollowed) return
    const { rollout, logger, observePropagation } = this.#parts
    this.#followed++
    const { acknowledged, expected, missing, propagationMs } = await rollout.waitFor(revisionGoal(revision, edges), followMs, at)
    this.#followed--
    if (this.#isStopping || expected === 0) return
    const effective = `revision ${revision}: ${acknowledged}/${expected} edges effective`
    if (propagationMs === undefined) return logger.warn({ revision, missing }, effective)
    logger.info({ revision, propagationMs }, `${effective} in ${propagationMs} ms`)
    observePropagation(propagationMs)
  }

  /** Nothing is told any more. */
  stop(): void {
    this.#isStopping = true
  }
}
