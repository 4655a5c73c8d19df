/**
 * Keeps the token that Vault is asked with from running out: it is renewed (`POST /v1/auth/token/renew-self`) when a third of its time is left, again
 * and again where that fails. A token that never runs out is left alone; one that cannot be renewed, or not beyond its longest time, is told of.
 */
import { at, type JsonAnswer } from './ask-json.ts'

export interface TokenHolder {
  token(): Promise<string>
  /** Asks with the token; rejects when there is no answer. */
  ask(method: 'GET' | 'POST', path: string): Promise<JsonAnswer>
}

export interface VaultTokenParts {
  readonly vault: TokenHolder
  /** Milliseconds that only go on. */
  readonly now: () => number
  /** Told when the token will run out, and why; with undefined when it will not any more. */
  readonly onState: (fault: string | undefined) => void
}

/** After a failure it is tried again so soon. */
const retryMs = 10_000
/** Vault tells whole seconds. */
const toleranceMs = 1000

export class VaultToken {
  readonly #parts: VaultTokenParts
  #token = ''
  /** Undefined: never, or not known. */
  #endsAtMs: number | undefined
  #isRenewable = false
  #nextAtMs = 0
  #fault: string | undefined

  constructor(parts: VaultTokenParts) {
    this.#parts = parts
  }

  /** Why the token will run out, or has. */
  get fault(): string | undefined {
    return this.#fault
  }

  /** Until it runs out; negative when it has. Undefined: never, or Vault does not tell. */
  get secondsLeft(): number | undefined {
    return this.#endsAtMs === undefined ? undefined : (this.#endsAtMs - this.#parts.now()) / 1000
  }

  /** To be called every few seconds; asks only when it is time. Never rejects. */
  async keep(): Promise<void> {
    const { vault, now } = this.#parts
    try {
      const token = await vault.token()
      if (token !== this.#token) this.#begin(token)
      if (now() < this.#nextAtMs) return
      if (this.#endsAtMs === undefined || this.#endsAtMs <= now()) await this.#lookUp()
      else if (this.#isRenewable) await this.#renew()
      else this.#tell('it is not renewable, or has reached its longest time', this.#endsAtMs)
    } catch (error) {
      this.#tell((error as NodeJS.ErrnoException).code ?? (error as Error).message, now() + retryMs)
    }
  }

  /** Another one, such as an agent has put into its file. */
  #begin(token: string): void {
    this.#token = token
    this.#endsAtMs = undefined
    this.#nextAtMs = 0
  }

  async #lookUp(): Promise<void> {
    const { vault, now } = this.#parts
    const { status, body } = await vault.ask('GET', '/v1/auth/token/lookup-self')
    const seconds = at(body, 'data', 'ttl')
    if (status !== 200 || typeof seconds !== 'number') return this.#tell(`Vault answered ${status} when it was asked how long it is good`, now() + retryMs)
    if (seconds === 0) this.#lasts()
    else this.#lastsFor(seconds, at(body, 'data', 'renewable') === true)
  }

  async #renew(): Promise<void> {
    const { vault, now } = this.#parts
    const before = this.#endsAtMs!
    const { status, body } = await vault.ask('POST', '/v1/auth/token/renew-self')
    const seconds = at(body, 'auth', 'lease_duration')
    if (status !== 200 || typeof seconds !== 'number') return this.#tell(`Vault answered ${status} when it was to be renewed`, now() + retryMs)
    if (now() + seconds * 1000 > before + toleranceMs) return this.#lastsFor(seconds, at(body, 'auth', 'renewable') === true)
    this.#isRenewable = false
    this.#tell('it has reached its longest time', before)
  }

  #lasts(): void {
    this.#endsAtMs = undefined
    this.#nextAtMs = Infinity
    this.#note(undefined)
  }

  #lastsFor(seconds: number, isRenewable: boolean): void {
    const now = this.#parts.now()
    this.#endsAtMs = now + seconds * 1000
    this.#nextAtMs = now + (seconds * 2000) / 3
    this.#isRenewable = isRenewable
    this.#note(undefined)
  }

  #tell(fault: string, nextAtMs: number): void {
    this.#nextAtMs = nextAtMs
    this.#note(fault)
  }

  #note(fault: string | undefined): void {
    const isNews = (fault === undefined) !== (this.#fault === undefined)
    this.#fault = fault
    if (isNews) this.#parts.onState(fault)
  }
}
