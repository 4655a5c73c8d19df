// What the client has taken and the server has not confirmed stands in our memory: a server that hangs is noticed
// after seconds only.
const maxUnconfirmedBytes = 32 * 1024 * 1024
const confirmEveryBytes = 1024 * 1024

/** Limits what is on its way to the server, by a ping after each MiB. */
export class SendWindow {
  readonly #confirm: () => Promise<void>
  #unconfirmed = 0
  #sincePing = 0

  /** `confirm` resolves once the server has read all that was sent before; it may reject. */
  constructor(confirm: () => Promise<void>) {
    this.#confirm = confirm
  }

  /** Whether `bytes` more may be sent; if so they count until they are confirmed. */
  admit(bytes: number): boolean {
    if (this.#unconfirmed + bytes > maxUnconfirmedBytes) return false
    this.#unconfirmed += bytes
    this.#sincePing += bytes
    if (this.#sincePing >= confirmEveryBytes) this.#ping()
    return true
  }

  #ping(): void {
    const bytes = this.#sincePing
    this.#sincePing = 0
    const settle = () => void (this.#unconfirmed -= bytes)
    // A ping fails when the connection ends, and what was on its way ends with it. In a later microtask, so that
    // the message that was just admitted goes out first.
    queueMicrotask(() => void this.#confirm().then(settle, settle))
  }
}
