/**
 * The bus over NATS (client protocol of nats.io), by the client rules of the control plane's design: the connection
 * is checked before each request, requests under way fail when it is lost, and it is sought again for ever. Messages
 * published while it is away are lost, as on any core NATS connection, but counted.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '@sluice/errors'
import { connect, type Msg, type NatsConnection, NoRespondersError, RequestError, type Status, type Subscription as NatsSubscription, TimeoutError } from 'nats'
import { type Bus, type BusHooks, type BusMessage, type BusStatus, maxMessageBytes, type MessageHandler, type SubscribeOptions, type Subscription } from '../bus.ts'
import { checkPattern, noResponder, requestFault, timedOut, unreachable } from '../bus-errors.ts'
import { BusState } from '../bus-state.ts'
import { HandlerRuns } from '../handler-runs.ts'
import { readSettings } from '../settings.ts'
import { isSubject } from '../subject-index.ts'
import { addressesOf, connectOptions } from './connect-options.ts'
import { awaitGreeting } from './greeting.ts'
import { type NatsBusSettings, schema } from './schema.ts'
import { SendWindow } from './send-window.ts'

interface Wanted {
  readonly subject: string
  readonly queue: string | undefined
  readonly handler: MessageHandler
  live?: NatsSubscription | undefined
}

/**
 * A bus over the NATS servers of `settings.urls`. Returns at once and connects in the background, for as long as it
 * takes; `status` tells. Throws `config.invalid` when a named file cannot be read.
 */
export function createNatsBus(settings: NatsBusSettings, hooks: BusHooks = {}): Bus {
  const bus = new NatsBus(readSettings(schema, settings), hooks)
  bus.start()
  return bus
}

class NatsBus implements Bus {
  readonly #settings: ReturnType<typeof schema.settings.parse>
  readonly #options: ReturnType<typeof connectOptions>
  readonly #hooks: BusHooks
  readonly #state = new BusState('disconnected')
  readonly #runs: HandlerRuns
  readonly #wanted = new Set<Wanted>()
  /** Fails a request or flush under way when the connection is lost. */
  readonly #underWay = new Set<() => void>()
  #connection: NatsConnection | undefined
  #window = new SendWindow(() => Promise.resolve())
  #draining: Promise<void> | undefined
  readonly #closing = new AbortController()

  constructor(settings: ReturnType<typeof schema.settings.parse>, hooks: BusHooks) {
    this.#settings = settings
    this.#options = connectOptions(settings)
    this.#hooks = hooks
    this.#runs = new HandlerRuns(this.#state.counts, hooks)
  }

  start(): void {
    void this.#stayConnected()
  }

  get status(): BusStatus {
    return this.#state.status
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  get counts() {
    return this.#state.counts
  }

  onStatus(listener: (status: BusStatus) => void): Subscription {
    return this.#state.onStatus(listener)
  }

  publish(subject: string, data: Uint8Array): void {
    if (isSubject(subject) && this.#send(data, (connection) => connection.publish(subject, data))) this.counts.published++
    else this.counts.dropped++
  }

  subscribe(subject: string, handler: MessageHandler, options: SubscribeOptions = {}): Subscription {
    checkPattern(subject)
    const wanted: Wanted = { subject, queue: options.queue, handler }
    if (this.#draining !== undefined) return { unsubscribe: () => {} }
    this.#wanted.add(wanted)
    this.#makeLive(wanted)
    return {
      unsubscribe: () => {
        if (this.#wanted.delete(wanted)) wanted.live?.unsubscribe()
      },
    }
  }

  async request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<Uint8Array> {
    const fault = requestFault(subject, data)
    if (fault !== undefined) throw fault
    const connection = this.#connection
    if (connection === undefined || this.status !== 'connected' || !this.#window.admit(data.length)) throw unreachable()
    this.counts.published++
    try {
      const reply = await this.#unlessLost(connection.request(subject, data, { timeout: Math.max(1, options.timeoutMs) }))
      return reply.data
    } catch (error) {
      throw requestError(error, subject, options.timeoutMs)
    }
  }

  async flush(): Promise<void> {
    if (this.#connection === undefined || this.status !== 'connected') throw unreachable()
    try {
      await this.#unlessLost(this.#connection.flush())
    } catch (cause) {
      throw cause instanceof SluiceError ? cause : unreachable(cause)
    }
  }

  drain(timeoutMs = 10_000): Promise<void> {
    return (this.#draining ??= this.#drain(timeoutMs))
  }

  async #drain(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    const left = () => Math.max(0, deadline - performance.now())
    const drained = [...this.#wanted].map(({ live }) => (live === undefined || live.isClosed() ? undefined : live.drain()))
    if (this.status === 'connected') await within(left(), Promise.allSettled(drained))
    await this.#runs.idle(left())
    this.#closing.abort()
    if (this.status === 'connected') await within(left(), this.flush().catch(() => {}))
    await within(1000, this.#connection?.close().catch(() => {}) ?? Promise.resolve())
    this.#lost('closed')
  }

  /** Ends only when the bus is drained: a connection that the client gave up is followed by a new one. */
  async #stayConnected(): Promise<void> {
    const { connectTimeoutMs, reconnectWaitMs } = this.#settings
    while (!this.#isClosing) {
      try {
        await awaitGreeting(addressesOf(this.#settings), connectTimeoutMs, this.#closing.signal)
        await this.#live(await connect(this.#options))
      } catch (error) {
        this.#tell(error)
      }
      await sleep(reconnectWaitMs * (1 + Math.random()), undefined, { signal: this.#closing.signal }).catch(() => {})
    }
  }

  /** The life of one connection, its reconnects included; over when the client closes it. */
  async #live(connection: NatsConnection): Promise<void> {
    if (this.#isClosing) return connection.close()
    const statuses = connection.status()
    this.#connection = connection
    this.#window = new SendWindow(() => connection.flush())
    for (const wanted of this.#wanted) this.#makeLive(wanted)
    this.#state.set('connected')
    try {
      for await (const status of statuses) this.#follow(status, connection)
    } finally {
      this.#connection = undefined
      this.#lost(this.#isClosing ? 'closed' : 'disconnected')
    }
  }

  #follow(status: Status, connection: NatsConnection): void {
    if (status.type === 'reconnect') this.#state.set('connected')
    else if (status.type === 'error') this.#tell(status.error)
    else if (status.type === 'disconnect') this.#lost('disconnected')
    else if (status.type === 'staleConnection') {
      this.#lost('disconnected')
      // Left to itself the client first waits for its last write, which a hung server with a full buffer never takes.
      connection.close().catch((error: unknown) => this.#tell(error))
    }
  }

  #lost(status: 'disconnected' | 'closed'): void {
    this.#state.set(status)
    for (const fail of [...this.#underWay]) fail()
  }

  /** While the client seeks a server it keeps the subscription and makes it on connect. */
  #makeLive(wanted: Wanted): void {
    if (this.#connection === undefined || this.#connection.isClosed()) return
    const callback = (error: Error | null, message: Msg) => {
      if (error !== null) this.#tell(error)
      else this.#runs.start(wanted.handler, this.#received(message))
    }
    wanted.live = this.#connection.subscribe(wanted.subject, { callback, ...(wanted.queue === undefined ? {} : { queue: wanted.queue }) })
  }

  #received(message: Msg): BusMessage {
    const { subject, data, reply } = message
    const wantsReply = reply !== undefined && reply !== ''
    const respond = (answer: Uint8Array) => {
      if (wantsReply && !this.#send(answer, () => message.respond(answer))) this.counts.dropped++
    }
    return { subject, data, wantsReply, respond }
  }

  /** False when the bytes could not be handed to a live connection. */
  #send(data: Uint8Array, send: (connection: NatsConnection) => unknown): boolean {
    if (this.#connection === undefined || this.status !== 'connected' || data.length > maxMessageBytes) return false
    if (!this.#window.admit(data.length)) return false
    try {
      send(this.#connection)
      return true
    } catch (error) {
      this.#tell(error) // the server's own limit may be lower than ours
      return false
    }
  }

  #unlessLost<T>(answer: Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const fail = () => reject(unreachable())
      this.#underWay.add(fail)
      answer.then(resolve, reject).finally(() => this.#underWay.delete(fail))
    })
  }

  #tell(error: unknown): void {
    try {
      if (!this.#isClosing) this.#hooks.onTransportError?.(error)
    } catch {
      // A logger that throws must not end the reconnecting.
    }
  }
}

function requestError(error: unknown, subject: string, timeoutMs: number): SluiceError {
  const cause = error instanceof RequestError ? error.cause : error
  if (error instanceof SluiceError) return error
  if (cause instanceof NoRespondersError) return noResponder(subject)
  if (cause instanceof TimeoutError) return timedOut(subject, timeoutMs)
  return unreachable(error)
}

/** Resolves with the promise, or without it after `ms`. */
async function within(ms: number, promise: Promise<unknown>): Promise<void> {
  const enough = new AbortController()
  await Promise.race([promise, sleep(ms, undefined, { signal: enough.signal }).catch(() => {})])
  enough.abort()
}
