/**
 * Which exchanges become events: all while there are few, then every n-th, so that the sample is spread over the second
 * and not its first milliseconds. Errors (4xx, 5xx) have a budget of their own: they are what is searched for, and a
 * flood of good answers must not push them out, nor they the good ones. Each kind gives at most `perSecond` events a second.
 */
export class EventSample {
  readonly #good: EveryNth
  readonly #errors: EveryNth
  #second = 0

  constructor(perSecond: number) {
    this.#good = new EveryNth(perSecond)
    this.#errors = new EveryNth(perSecond)
  }

  admits(status: number, nowMs: number): boolean {
    const second = Math.floor(nowMs / 1000)
    if (second !== this.#second) {
      this.#second = second
      this.#good.startSecond()
      this.#errors.startSecond()
    }
    return status >= 400 ? this.#errors.admits() : this.#good.admits()
  }
}

class EveryNth {
  readonly #perSecond: number
  #n = 1
  #seen = 0
  #admitted = 0

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  /** As many as the second before had decide about this one. */
  startSecond(): void {
    this.#n = Math.max(1, Math.ceil(this.#seen / this.#perSecond))
    this.#seen = 0
    this.#admitted = 0
  }

  admits(): boolean {
    const isChosen = this.#seen++ % this.#n === 0 && this.#admitted < this.#perSecond
    if (isChosen) this.#admitted++
    return isChosen
  }
}
