import type { ConfigStore } from '@sluice/config-stores/config-store'
import { codeOf } from '@sluice/errors'
import type { Logger } from '@sluice/service-kit'

interface StoreWatchParts {
  readonly store: ConfigStore
  readonly logger: Logger
  /** What has to be done once with the store; done again when it fails for the store's absence. */
  readonly begin: () => Promise<void>
}

const retryMs = 1000
const pingMs = 5000

/** Begins as soon as the store is there, and knows from then on whether it is. */
export class StoreWatch {
  readonly #parts: StoreWatchParts
  #timer: NodeJS.Timeout | undefined
  #isReached = false
  #isUnsaid = true
  #hasBegun = false
  #isStopped = false

  constructor(parts: StoreWatchParts) {
    this.#parts = parts
  }

  get isReached(): boolean {
    return this.#isReached
  }

  /** Resolves after the first try; rejects with what is not the store's absence. */
  async start(): Promise<void> {
    await this.#begin()
    this.#schedule()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  async #begin(): Promise<void> {
    try {
      await this.#parts.begin()
      this.#hasBegun = true
      this.#note(true)
    } catch (error) {
      if (codeOf(error) !== 'dependency.store_unreachable') throw error
      this.#note(false, error)
    }
  }

  #schedule(): void {
    if (this.#isStopped) return
    this.#timer = setTimeout(() => void this.#look().finally(() => this.#schedule()), this.#hasBegun ? pingMs : retryMs)
  }

  async #look(): Promise<void> {
    try {
      if (!this.#hasBegun) return await this.#begin()
      await this.#parts.store.ping()
      this.#note(true)
    } catch (error) {
      this.#note(false, error)
    }
  }

  #note(isReached: boolean, error?: unknown): void {
    const isNews = isReached !== this.#isReached || this.#isUnsaid
    this.#isUnsaid = false
    this.#isReached = isReached
    if (!isNews) return
    if (isReached) this.#parts.logger.info('the store is reached')
    else this.#parts.logger.error({ err: error }, 'the store cannot be used')
  }
}
