import { FlapDamping } from './flap-damping.ts'

/** What the edges are told of one endpoint's health: the verdict of those who probe it, unless it flaps. */
export class Judgement {
  /** Why it is out; empty while it takes requests. */
  reason: string
  /** What the probes say, however often that changed; empty for healthy. */
  verdict: string
  #damping = new FlapDamping()
  readonly #onRested: () => void
  readonly #now: () => number
  #rest: NodeJS.Timeout | undefined

  /** `onRested` is called when one that flapped may be taken again. */
  constructor(reason: string, onRested: () => void, now: () => number = () => performance.now()) {
    this.reason = reason
    this.verdict = reason
    this.#onRested = onRested
    this.#now = now
  }

  /** Takes the verdict as it is now, a reason or empty; answers whether the edges are to be told. */
  take(verdict: string): boolean {
    const now = this.#now()
    if ((verdict === '') !== (this.verdict === '')) this.#damping.noteChange(now)
    this.verdict = verdict
    const restMs = verdict === '' ? this.#damping.remainingMs(now) : 0
    clearTimeout(this.#rest)
    if (restMs > 0) this.#rest = setTimeout(this.#onRested, restMs).unref()
    const reason = restMs > 0 ? 'it has come and gone too often; it is left out until it rests' : verdict
    const hasChanged = reason !== this.reason
    this.reason = reason
    return hasChanged
  }

  /** Nothing is known any more, and it is believed to work. */
  forget(): void {
    clearTimeout(this.#rest)
    this.reason = ''
    this.verdict = ''
    this.#damping = new FlapDamping()
  }

  stop(): void {
    clearTimeout(this.#rest)
  }
}
