/**
 * Who runs a revision, waited for: done when every live edge does, over at the time-out, over early when one of them
 * has refused it. Edges that join meanwhile count, so that nobody answers by an older revision once it is done.
 */
import type { Clock } from '@sluice/service-kit'
import type { Edge, EdgeRegistry } from './edge-registry.ts'

export interface Receipt {
  readonly acknowledged: number
  readonly expected: number
  /** Live edges that do not run it. */
  readonly missing: readonly string[]
  readonly refused: readonly Refused[]
  /** From the change until the last edge ran it, on control's clock; undefined while one is missing. */
  readonly propagationMs: number | undefined
}

export interface Refused {
  readonly edge: string
  readonly code: string
  readonly pointer: string
  readonly detail: string
}

/** Either revision or credential version. */
export interface Goal {
  readonly hasReached: (edge: Edge) => boolean
  readonly hasRefused: (edge: Edge) => boolean
  /** Whom it is for [everybody]. */
  readonly concerns?: ((edge: Edge) => boolean) | undefined
}

/** `edges`: those that it is tried on [it is for all]. */
export const revisionGoal = (revision: number, edges?: readonly string[]): Goal => ({
  concerns: edges && ((edge) => edges.includes(edge.name)),
  hasReached: (edge) => edge.revision >= revision,
  hasRefused: (edge) => edge.refusal !== undefined && edge.refusal.revision >= revision,
})

export const credentialGoal = (version: number): Goal => ({
  hasReached: (edge) => edge.credentialVersion >= version,
  hasRefused: () => false,
})

interface Waiting {
  readonly goal: Goal
  readonly since: number
  readonly timer: NodeJS.Timeout
  readonly resolve: (receipt: Receipt) => void
  /** An edge that had not reached it when it was looked at last. */
  laggard: string
}

export class Receipts {
  readonly #registry: EdgeRegistry
  readonly #clock: Clock
  readonly #waiting = new Set<Waiting>()

  constructor(registry: EdgeRegistry, clock: Clock) {
    this.#registry = registry
    this.#clock = clock
  }

  /** `since` is when the change was made, on the monotonic clock. */
  wait(goal: Goal, timeoutMs: number, since: number): Promise<Receipt> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.#end(waiting), timeoutMs)
      const waiting: Waiting = { goal, since, timer, resolve, laggard: '' }
      this.#waiting.add(waiting)
      this.#check(waiting)
    })
  }

  /**
   * To be called when an edge has reported, left or fallen silent. With a thousand edges a change brings a thousand reports: while the one that was
   * found behind still is, a report of another is not worth a look at all of them.
   */
  check(reported?: Edge): void {
    for (const waiting of [...this.#waiting]) if (reported === undefined || !this.#isSureToWait(waiting, reported)) this.#check(waiting)
  }

  /** Ends every wait with what is known. */
  stop(): void {
    for (const waiting of [...this.#waiting]) this.#end(waiting)
  }

  #isSureToWait(waiting: Waiting, reported: Edge): boolean {
    const { goal, laggard } = waiting
    if (goal.hasRefused(reported)) return false
    const known = this.#registry.liveNamed(laggard)
    if (known !== undefined && !goal.hasReached(known)) return true
    waiting.laggard = this.#registry.someLive((edge) => goal.concerns?.(edge) !== false && !goal.hasReached(edge))?.name ?? ''
    return waiting.laggard !== ''
  }

  #check(waiting: Waiting): void {
    const { missing, refused } = this.#tally(waiting)
    if (missing.length === 0 || refused.length > 0) this.#end(waiting)
  }

  #end(waiting: Waiting): void {
    if (!this.#waiting.delete(waiting)) return
    clearTimeout(waiting.timer)
    waiting.resolve(this.#tally(waiting))
  }

  #tally({ goal, since }: Waiting): Receipt {
    const live = this.#registry.live().filter((edge) => goal.concerns?.(edge) !== false)
    const behind = live.filter((edge) => !goal.hasReached(edge))
    const refused = behind.filter(goal.hasRefused).map(({ name, refusal }) => ({ edge: name, code: refusal?.code ?? '', pointer: refusal?.pointer ?? '', detail: refusal?.detail ?? '' }))
    const propagationMs = behind.length === 0 ? Math.max(0, Math.round(this.#clock.monotonic() - since)) : undefined
    return { acknowledged: live.length - behind.length, expected: live.length, missing: behind.map((edge) => edge.name), refused, propagationMs }
  }
}
