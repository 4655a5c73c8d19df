/**
 * Answers of auth, or of an issuer that auth asks, used for as long as they are fresh, on while auth is away, and not at all once a change touched what
 * they are about. One question per key is on its way at a time, at most one a second after one that failed. While auth
 * is known to be away nobody waits for it longer than it takes to notice that it is back.
 */
import type { ErrorCode } from '@sluice/errors'
import { codeOf } from '@sluice/errors'
import { RecentMap } from '@sluice/verifier'
import type { KnownChanges } from './known-changes.ts'

export interface Answer<V> {
  readonly value: V
  /** What it is about; undefined when any change could turn it, as with a credential that nobody has. */
  readonly names: readonly string[] | undefined
  /** The credential version that auth read it at. */
  readonly version: number
  /** How old it was already when it came [0]. */
  readonly ageMs?: number
}

export interface Remembered<V> {
  readonly value: V
  readonly names: readonly string[] | undefined
  readonly version: number
  readonly mark: number
  readonly atMs: number
  /** The hearing up to which it is known to hold: nothing to compare while nothing was heard. */
  checkedAt: number
}

/** Auth could not be asked, and nothing is remembered that may stand in. */
export interface Away {
  readonly away: ErrorCode
}

export interface Limits {
  readonly freshMs: number
  readonly staleMs: number
}

export interface RememberedAnswersParts<Q, V> {
  readonly ask: (question: Q) => Promise<Answer<V>>
  readonly changes: KnownChanges
  readonly clock: { monotonic(): number }
  /** How long a question is waited for while auth is known to be away: enough to notice that it is back. */
  readonly graceMs: number
  readonly capacity?: number
}

/** For answers that any change could turn: short, since what is not there may come. */
const freshRefusalMs = 2000
const refusalCapacity = 10_000
const askAgainMs = 1000
/** Asked again this far into the time it is fresh, so that nobody has to wait when that is over. */
const renewAt = 0.8
const maxPending = 1000
/** A change may overtake a question once or twice; more often is an auth that reads behind. */
const maxTries = 3

export class RememberedAnswers<Q, V> {
  readonly #parts: RememberedAnswersParts<Q, V>
  readonly #answers: RecentMap<Remembered<V>>
  readonly #refusals = new RecentMap<Remembered<V>>(refusalCapacity)
  readonly #failures = new RecentMap<{ readonly atMs: number; readonly away: ErrorCode }>(refusalCapacity)
  readonly #pending = new Map<string, Promise<Remembered<V> | Away>>()
  /** Who could not be asked last time; undefined while answers come. */
  #away: ErrorCode | undefined

  constructor(parts: RememberedAnswersParts<Q, V>) {
    this.#parts = parts
    this.#answers = new RecentMap(parts.capacity ?? 50_000)
  }

  /** The answer for `key`; at once when one is remembered that may be used. Never rejects. Costs a look-up then. */
  lookUp(key: string, question: Q, limits: Limits): Remembered<V> | Away | Promise<Remembered<V> | Away> {
    const known = this.#recall(key)
    if (known === undefined) return this.#askFirst(key, question)
    const age = this.#parts.clock.monotonic() - known.atMs
    const { freshMs, staleMs } = known.names === undefined ? { freshMs: freshRefusalMs, staleMs: 0 } : limits
    if (age < freshMs) {
      if (known.names !== undefined && age >= freshMs * renewAt) this.#askAside(key, question)
      return known
    }
    if (age >= staleMs) return this.#askFirst(key, question)
    if (this.#away !== undefined) {
      this.#askAside(key, question)
      return known
    }
    return this.#ask(key, question).then((answer) => ('away' in answer ? (this.#recall(key) ?? answer) : answer))
  }

  /** Whether something other than a refusal is remembered under `key` that may still be used, fresh or not. */
  isKnown(key: string): boolean {
    const known = this.#answers.get(key)
    return known !== undefined && this.#stillHolds(known)
  }

  #recall(key: string): Remembered<V> | undefined {
    const known = this.#answers.get(key) ?? this.#refusals.get(key)
    if (known === undefined || this.#stillHolds(known)) return known
    this.#answers.delete(key)
    this.#refusals.delete(key)
    return undefined
  }

  #stillHolds(known: Remembered<V>): boolean {
    const { heard } = this.#parts.changes
    if (known.checkedAt === heard) return true
    if (!this.#holdsNow(known)) return false
    known.checkedAt = heard
    return true
  }

  #holdsNow({ mark, version, names }: Remembered<V>): boolean {
    const { changes } = this.#parts
    return names === undefined ? mark === changes.heard : changes.holds(mark, version, names)
  }

  /** There is nothing to fall back on: waits, but hardly while auth is known to be away. */
  #askFirst(key: string, question: Q): Away | Promise<Remembered<V> | Away> {
    const failure = this.#recentFailure(key)
    if (failure !== undefined) return failure
    const away = this.#away
    if (away === undefined) return this.#ask(key, question)
    const grace = Promise.withResolvers<Away>()
    const timer = setTimeout(() => grace.resolve({ away }), this.#parts.graceMs)
    return Promise.race([this.#ask(key, question), grace.promise]).finally(() => clearTimeout(timer))
  }

  #askAside(key: string, question: Q): void {
    if (this.#recentFailure(key) === undefined) void this.#ask(key, question)
  }

  #recentFailure(key: string): Away | undefined {
    const failure = this.#failures.get(key)
    return failure !== undefined && this.#parts.clock.monotonic() - failure.atMs < askAgainMs ? failure : undefined
  }

  #ask(key: string, question: Q): Promise<Remembered<V> | Away> {
    const pending = this.#pending.get(key)
    if (pending !== undefined) return pending
    if (this.#pending.size >= maxPending) return Promise.resolve({ away: 'dependency.auth_unreachable' })
    const asked = this.#askUntilItHolds(key, question).finally(() => this.#pending.delete(key))
    this.#pending.set(key, asked)
    return asked
  }

  async #askUntilItHolds(key: string, question: Q): Promise<Remembered<V> | Away> {
    const { ask, changes, clock } = this.#parts
    try {
      for (let turn = 1; ; turn++) {
        const mark = changes.heard
        const answer = await ask(question)
        this.#away = undefined
        const { value, names, version, ageMs = 0 } = answer
        const remembered: Remembered<V> = { value, names, version, mark, atMs: clock.monotonic() - ageMs, checkedAt: changes.heard }
        if (this.#holdsNow(remembered)) return this.#remember(key, remembered)
        // A refusal that was overtaken is still a safe one; it is only not remembered.
        if (turn === maxTries) return answer.names === undefined ? remembered : this.#fail(key, 'dependency.auth_unreachable')
      }
    } catch (error) {
      const code = codeOf(error)
      // An auth that has too much to do is there.
      if (code === 'dependency.verifier_overloaded') return this.#fail(key, code)
      this.#away = code === 'dependency.issuer_unreachable' ? code : 'dependency.auth_unreachable'
      return this.#fail(key, this.#away)
    }
  }

  #remember(key: string, remembered: Remembered<V>): Remembered<V> {
    const isRefusal = remembered.names === undefined
    ;(isRefusal ? this.#refusals : this.#answers).set(key, remembered)
    ;(isRefusal ? this.#answers : this.#refusals).delete(key)
    return remembered
  }

  #fail(key: string, away: ErrorCode): Away {
    const failure = { atMs: this.#parts.clock.monotonic(), away }
    this.#failures.set(key, failure)
    return failure
  }
}
