import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import type { Logger } from '@sluice/service-kit'

const lookMs = 1000

/** Whether the store answers, looked at every second, so that readiness costs no call. */
export class StoreWatch {
  readonly #store: Pick<CredentialStore, 'ping'>
  readonly #logger: Pick<Logger, 'info' | 'error'>
  #problem: string | undefined = 'the store has not answered yet'
  #isLooking = false
  #timer: NodeJS.Timeout | undefined

  constructor(store: Pick<CredentialStore, 'ping'>, logger: Pick<Logger, 'info' | 'error'>) {
    this.#store = store
    this.#logger = logger
  }

  /** Why the store is of no use now, or undefined. */
  get problem(): string | undefined {
    return this.#problem
  }

  async start(): Promise<void> {
    await this.#look()
    this.#timer = setInterval(() => void this.#look(), lookMs).unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  async #look(): Promise<void> {
    if (this.#isLooking) return
    this.#isLooking = true
    const problem = await this.#store.ping().then(() => undefined, (error: unknown) => `the store cannot be reached: ${error instanceof Error ? error.message : String(error)}`)
    this.#isLooking = false
    if (problem !== undefined && problem !== this.#problem) this.#logger.error({ problem }, 'the credential store does not answer')
    if (problem === undefined && this.#problem !== undefined) this.#logger.info('the credential store answers')
    this.#problem = problem
  }
}
