import { setTimeout as sleep } from 'node:timers/promises'
import { connect, type NatsConnection, type Status } from 'nats'
import { addressesOf, connectOptions, type Settings } from './connect-options.ts'
import { awaitGreeting } from './greeting.ts'

export interface ConnectionEvents {
  /** There is a new connection; its first use. */
  onOpen(connection: NatsConnection): void
  /** The same connection was lost and has come back, with its subscriptions. */
  onBack(): void
  /** Nothing can be sent at the moment; may come more than once. */
  onLost(): void
  onError(error: unknown): void
}

/**
 * A connection that is sought for ever: the client's own reconnecting, and a new connection when the client has given
 * one up. Begins when it is made, ends with `close`. Throws `config.invalid` when a named file cannot be read.
 */
export class LastingConnection {
  readonly #settings: Settings
  readonly #options: ReturnType<typeof connectOptions>
  readonly #events: ConnectionEvents
  readonly #closing = new AbortController()
  #current: NatsConnection | undefined

  constructor(settings: Settings, events: ConnectionEvents) {
    this.#settings = settings
    this.#options = connectOptions(settings)
    this.#events = events
    void this.#seek()
  }

  /** The connection, which may be lost at the moment; nothing before the first. */
  get current(): NatsConnection | undefined {
    return this.#current
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#current?.close().catch(() => {})
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  async #seek(): Promise<void> {
    const { connectTimeoutMs, reconnectWaitMs } = this.#settings
    const { signal } = this.#closing
    while (!this.#isClosing) {
      try {
        await awaitGreeting(addressesOf(this.#settings), connectTimeoutMs, signal)
        await this.#live(await connect(this.#options))
      } catch (error) {
        this.#tell(error)
      }
      await sleep(reconnectWaitMs * (1 + Math.random()), undefined, { signal }).catch(() => {})
    }
  }

  /** The life of one connection, its reconnects included; over when the client closes it. */
  async #live(connection: NatsConnection): Promise<void> {
    if (this.#isClosing) return connection.close()
    const statuses = connection.status()
    this.#current = connection
    this.#events.onOpen(connection)
    try {
      for await (const status of statuses) this.#follow(status, connection)
    } finally {
      this.#current = undefined
      this.#events.onLost()
    }
  }

  #follow(status: Status, connection: NatsConnection): void {
    if (status.type === 'reconnect') this.#events.onBack()
    else if (status.type === 'error') this.#tell(status.error)
    else if (status.type === 'disconnect') this.#events.onLost()
    else if (status.type === 'staleConnection') {
      this.#events.onLost()
      // Left to itself the client first waits for its last write, which a hung server with a full buffer never takes.
      connection.close().catch((error: unknown) => this.#tell(error))
    }
  }

  #tell(error: unknown): void {
    if (!this.#isClosing) this.#events.onError(error)
  }
}
