import { setImmediate as afterTurn } from 'node:timers/promises'

/** Work beside traffic: gives the event loop a turn whenever it has run for long enough. */
export class Slices {
  readonly #sliceMs: number
  #since = performance.now()
  #count = 0

  constructor(sliceMs: number) {
    this.#sliceMs = sliceMs
  }

  /** To be called between small pieces; a promise when it is time to wait for. The clock is looked at every eighth time. */
  pause(): Promise<void> | undefined {
    if ((++this.#count & 7) !== 0 || performance.now() - this.#since < this.#sliceMs) return undefined
    return this.#wait()
  }

  async #wait(): Promise<void> {
    await afterTurn()
    this.#since = performance.now()
  }
}
