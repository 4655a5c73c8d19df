import { setTimeout as sleep } from 'node:timers/promises'
import type { Subscription } from '../bus.ts'
import type { RelayChannel, RelayMessage } from '../relay-messages.ts'
import { type SocketChannel, socketChannel } from '../socket-channel.ts'
import { openConnection } from './open-connection.ts'
import type { Settings } from './schema.ts'

const maxWaitingBytes = 32 * 1024 * 1024
/** How much longer than the first the last pause between two attempts may become. */
const maxBackoff = 20

/**
 * A channel that outlives its connections: after each one that ends it tells that the bus is away, fails what was under
 * way, seeks the next control for ever, and subscribes there to everything again.
 */
export class LastingLink implements RelayChannel {
  readonly #settings: Settings
  readonly #onError: (error: unknown) => void
  readonly #closing = new AbortController()
  readonly #subscribed = new Map<number, RelayMessage>()
  /** Questions and flushes that are not answered yet. */
  readonly #underWay = new Set<number>()
  /** Deliveries of this connection that may be answered; their numbers mean nothing on the next one. */
  readonly #answerable = new Set<number>()
  #current: SocketChannel | undefined
  #handler: (message: RelayMessage) => void = () => {}
  #onClosed: () => void = () => {}
  #turn = 0

  constructor(settings: Settings, onError: (error: unknown) => void) {
    this.#settings = settings
    this.#onError = onError
  }

  /** Begins to connect. */
  begin(): void {
    void this.#seek()
  }

  end(): void {
    this.#closing.abort()
    this.#current?.close()
    this.#onClosed()
  }

  send(message: RelayMessage): boolean {
    if (message.type === 'subscribe') this.#subscribed.set(message.id, message)
    if (message.type === 'unsubscribe') this.#subscribed.delete(message.id)
    if (message.type === 'respond' && !this.#answerable.delete(message.delivery)) return false
    if (this.#current?.send(message) !== true) return message.type === 'subscribe' || message.type === 'unsubscribe'
    if (message.type === 'request' || message.type === 'flush') this.#underWay.add(message.id)
    return true
  }

  onMessage(handler: (message: RelayMessage) => void): Subscription {
    this.#handler = handler
    return { unsubscribe: () => (this.#handler = () => {}) }
  }

  onClose(handler: () => void): Subscription {
    this.#onClosed = handler
    return { unsubscribe: () => (this.#onClosed = () => {}) }
  }

  async #seek(): Promise<void> {
    const { urls, token, connectTimeoutMs: timeoutMs, reconnectWaitMs } = this.#settings
    const { signal } = this.#closing
    for (let failures = 0; !signal.aborted; ) {
      try {
        const { socket, head } = await openConnection(urls[this.#turn % urls.length]!, { token, timeoutMs, signal })
        failures = 0
        await this.#live(socketChannel(socket, { head, maxWaitingBytes, silenceMs: this.#settings.pingIntervalMs * 3, onFault: (error) => this.#tell(error) }))
      } catch (error) {
        failures++
        this.#tell(error)
      }
      this.#turn++
      const pauseMs = reconnectWaitMs * Math.min(maxBackoff, 2 ** Math.min(failures, 10) / 2)
      await sleep(pauseMs * (1 + Math.random()), undefined, { signal, ref: false }).catch(() => {})
    }
  }

  /** The life of one connection. */
  async #live(channel: SocketChannel): Promise<void> {
    const over = new Promise<void>((resolve) => void channel.onClose(resolve))
    if (this.#closing.signal.aborted) return channel.close()
    channel.onMessage((message) => this.#hear(message))
    for (const message of this.#subscribed.values()) channel.send(message)
    this.#current = channel
    channel.send({ type: 'hello' })
    const ping = setInterval(() => channel.send({ type: 'hello' }), this.#settings.pingIntervalMs).unref()
    await over
    clearInterval(ping)
    this.#lost()
  }

  #hear(message: RelayMessage): void {
    if (message.type === 'reply' || message.type === 'flushed' || message.type === 'failed') this.#underWay.delete(message.id)
    if (message.type === 'message' && message.delivery !== 0) this.#answerable.add(message.delivery)
    // A control that shuts down closes its bus first; there may be another one.
    this.#handler(message.type === 'status' && message.status === 'closed' ? { type: 'status', status: 'disconnected' } : message)
  }

  #lost(): void {
    this.#current = undefined
    this.#answerable.clear()
    this.#handler({ type: 'status', status: 'disconnected' })
    for (const id of [...this.#underWay]) this.#hear({ type: 'failed', id, code: 'dependency.bus_unreachable', detail: '' })
  }

  #tell(error: unknown): void {
    if (!this.#closing.signal.aborted) this.#onError(error)
  }
}
