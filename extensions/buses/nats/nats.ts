/**
 * The bus over NATS (client protocol of nats.io), by the client rules of the control plane's design: the connection
 * is checked before each request, requests under way fail when it is lost, and it is sought again for ever. Messages
 * published while it is away are lost, as on any core NATS connection, but counted.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SluiceError } from '@sluice/errors'
import { type Msg, type NatsConnection, NoRespondersError, RequestError, type Subscription as NatsSubscription, TimeoutError } from 'nats'
import { type Bus, type BusHooks, type BusMessage, type BusStatus, maxMessageBytes, type MessageHandler, type SubscribeOptions, type Subscription } from '../bus.ts'
import { checkPattern, noResponder, requestFault, timedOut, unreachable } from '../bus-errors.ts'
import { BusState } from '../bus-state.ts'
import { HandlerRuns } from '../handler-runs.ts'
import { readSettings } from '../settings.ts'
import { isSubject } from '../subject-index.ts'
import type { Settings } from './connect-options.ts'
import { LastingConnection } from './lasting-connection.ts'
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
 * takes; `status` tells. Throws `config.invalid` when the settings do not fit or a named file cannot be read.
 */
export function createNatsBus(settings: NatsBusSettings, hooks: BusHooks = {}): Bus {
  return new NatsBus(readSettings(schema, settings), hooks)
}

class NatsBus implements Bus {
  readonly #hooks: BusHooks
  readonly #state = new BusState('disconnected')
  readonly #runs: HandlerRuns
  readonly #wanted = new Set<Wanted>()
  /** Fails a request or flush under way when the connection is lost. */
  readonly #underWay = new Set<() => void>()
  readonly #connection: LastingConnection
  #window = new SendWindow(() => Promise.resolve())
  #draining: Promise<void> | undefined

  constructor(settings: Settings, hooks: BusHooks) {
    this.#hooks = hooks
    this.#runs = new HandlerRuns(this.#state.counts, hooks)
    this.#connection = new LastingConnection(settings, {
      onOpen: (connection) => this.#begin(connection),
      onBack: () => this.#state.set('connected'),
      onLost: () => this.#lost('disconnected'),
      onError: (error) => this.#tell(error),
    })
  }

  get status(): BusStatus {
    return this.#state.status
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
    const connection = this.#usable()
    if (connection === undefined || !this.#window.admit(data.length)) throw unreachable()
    this.counts.published++
    try {
      const reply = await this.#unlessLost(connection.request(subject, data, { timeout: Math.max(1, options.timeoutMs) }))
      return reply.data
    } catch (error) {
      throw requestError(error, subject, options.timeoutMs)
    }
  }

  async flush(): Promise<void> {
    const connection = this.#usable()
    if (connection === undefined) throw unreachable()
    try {
      await this.#unlessLost(connection.flush())
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
    if (this.status === 'connected') await within(left(), this.flush().catch(() => {}))
    this.#lost('closed')
    await within(1000, this.#connection.close())
  }

  #begin(connection: NatsConnection): void {
    this.#window = new SendWindow(() => connection.flush())
    for (const wanted of this.#wanted) this.#makeLive(wanted)
    this.#state.set('connected')
  }

  #lost(status: 'disconnected' | 'closed'): void {
    this.#state.set(status)
    for (const fail of [...this.#underWay]) fail()
  }

  #usable(): NatsConnection | undefined {
    return this.status === 'connected' ? this.#connection.current : undefined
  }

  /** While the client seeks a server it keeps the subscription and makes it on connect. */
  #makeLive(wanted: Wanted): void {
    const connection = this.#connection.current
    if (connection === undefined || connection.isClosed()) return
    const callback = (error: Error | null, message: Msg) => {
      if (error !== null) this.#tell(error)
      else this.#runs.start(wanted.handler, this.#received(message))
    }
    wanted.live = connection.subscribe(wanted.subject, { callback, ...(wanted.queue === undefined ? {} : { queue: wanted.queue }) })
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
    const connection = this.#usable()
    if (connection === undefined || data.length > maxMessageBytes || !this.#window.admit(data.length)) return false
    try {
      send(connection)
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
      this.#hooks.onTransportError?.(error)
    } catch {
      // A logger that throws must not end the reconnecting.
    }
  }
}

function requestError(error: unknown, subject: string, timeoutMs: number): SluiceError {
  if (error instanceof SluiceError) return error
  const cause = error instanceof RequestError ? error.cause : error
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
