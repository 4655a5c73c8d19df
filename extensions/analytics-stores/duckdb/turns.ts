import { SluiceError } from '@sluice/errors'

/** Jobs one after the other: a connection carries one transaction at a time. */
export class Turns {
  readonly #maxWaiting: number
  #last: Promise<unknown> = Promise.resolve()
  #waiting = 0

  constructor(maxWaiting: number) {
    this.#maxWaiting = maxWaiting
  }

  /** What `job` answers, once those before it are done. `always`: also when too many wait. */
  take<T>(job: () => Promise<T>, { always = false }: { always?: boolean } = {}): Promise<T> {
    if (this.#waiting >= this.#maxWaiting && !always) {
      return Promise.reject(new SluiceError('dependency.store_unreachable', { detail: 'too many queries wait' }))
    }
    this.#waiting++
    const turn = this.#last.then(job).finally(() => this.#waiting--)
    this.#last = turn.catch(() => {})
    return turn
  }
}
