/**
 * The bus of a worker: everything goes through the process that holds the real bus, so that one host has one
 * connection however many workers it runs. Handlers and timeouts stay in the worker; a parent that hangs costs a
 * request its timeout, never more.
 */
import { SluiceError } from '@sluice/errors'
import { type Bus, type BusHooks, type BusMessage, type BusStatus, maxMessageBytes, type MessageHandler, type SubscribeOptions, type Subscription } from './bus.ts'
import { checkPattern, requestFault, timedOut, unreachable } from './bus-errors.ts'
import { BusState } from './bus-state.ts'
import { HandlerRuns } from './handler-runs.ts'
import type { ParentMessage, RelayChannel } from './relay-messages.ts'
import { isSubject } from './subject-index.ts'

interface Waiting {
  settle(outcome: Uint8Array | Error): void
}

const flushTimeoutMs = 10_000

/**
 * The bus at the parent's end of `channel`, which has `attachRelay`. Has the status `initial` [connected] until the parent has
 * told its own, milliseconds later over IPC; a request made before that is judged by the parent.
 */
export function createRelayedBus(channel: RelayChannel, hooks: BusHooks = {}, initial: BusStatus = 'connected'): Bus {
  return new RelayedBus(channel, hooks, initial)
}

class RelayedBus implements Bus {
  readonly #channel: RelayChannel
  readonly #state: BusState
  readonly #runs: HandlerRuns
  readonly #handlers = new Map<number, MessageHandler>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #own: Subscription[]
  #lastId = 0
  #draining: Promise<void> | undefined

  constructor(channel: RelayChannel, hooks: BusHooks, initial: BusStatus) {
    this.#channel = channel
    this.#state = new BusState(initial)
    this.#runs = new HandlerRuns(this.#state.counts, hooks)
    this.#own = [channel.onMessage((message) => this.#take(message as ParentMessage)), channel.onClose(() => this.#close())]
    channel.send({ type: 'hello' })
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
    const isFit = this.status === 'connected' && isSubject(subject) && data.length <= maxMessageBytes
    if (isFit && this.#channel.send({ type: 'publish', subject, data })) this.counts.published++
    else this.counts.dropped++
  }

  subscribe(subject: string, handler: MessageHandler, options: SubscribeOptions = {}): Subscription {
    checkPattern(subject)
    if (this.#draining !== undefined || this.status === 'closed') return { unsubscribe: () => {} }
    const id = ++this.#lastId
    this.#handlers.set(id, handler)
    this.#channel.send({ type: 'subscribe', id, subject, ...(options.queue === undefined ? {} : { queue: options.queue }) })
    return {
      unsubscribe: () => {
        if (this.#handlers.delete(id)) this.#channel.send({ type: 'unsubscribe', id })
      },
    }
  }

  request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<Uint8Array> {
    const fault = requestFault(subject, data)
    if (fault !== undefined) return Promise.reject(fault)
    const { timeoutMs } = options
    return this.#ask(timeoutMs, () => timedOut(subject, timeoutMs), (id) => {
      const isSent = this.#channel.send({ type: 'request', id, subject, data, timeoutMs })
      if (isSent) this.counts.published++
      return isSent
    })
  }

  async flush(): Promise<void> {
    await this.#ask(flushTimeoutMs, unreachable, (id) => this.#channel.send({ type: 'flush', id }))
  }

  drain(timeoutMs = 10_000): Promise<void> {
    return (this.#draining ??= this.#drain(timeoutMs))
  }

  /** Once the parent has answered a flush, everything it sent before the unsubscribing has arrived here. */
  async #drain(timeoutMs: number): Promise<void> {
    const deadline = performance.now() + timeoutMs
    for (const id of this.#handlers.keys()) this.#channel.send({ type: 'unsubscribe', id })
    const lastMessages = this.#ask(timeoutMs, unreachable, (id) => this.#channel.send({ type: 'flush', id }))
    await lastMessages.catch(() => {}) // a bus that is away sends nothing more either
    await this.#runs.idle(Math.max(0, deadline - performance.now()))
    this.#close()
  }

  #close(): void {
    this.#state.set('closed')
    this.#handlers.clear()
    for (const subscription of this.#own) subscription.unsubscribe()
    for (const waiting of [...this.#waiting.values()]) waiting.settle(unreachable())
  }

  /** Sends a question under a new id; the answer, its failure or `late` after `timeoutMs` settles it. */
  #ask(timeoutMs: number, late: () => Error, send: (id: number) => boolean): Promise<Uint8Array> {
    if (this.status === 'closed') return Promise.reject(unreachable())
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(late()), timeoutMs)
      const settle = (outcome: Uint8Array | Error) => {
        clearTimeout(timer)
        this.#waiting.delete(id)
        if (outcome instanceof Error) reject(outcome)
        else resolve(outcome)
      }
      this.#waiting.set(id, { settle })
      if (!send(id)) settle(unreachable())
    })
  }

  #take(message: ParentMessage): void {
    switch (message.type) {
      case 'status':
        return this.#heardStatus(message.status)
      case 'message':
        return this.#hand(message)
      case 'reply':
        return this.#waiting.get(message.id)?.settle(message.data)
      case 'flushed':
        return this.#waiting.get(message.id)?.settle(new Uint8Array())
      case 'failed':
        return this.#waiting.get(message.id)?.settle(new SluiceError(message.code, message.detail === '' ? {} : { detail: message.detail }))
    }
  }

  #heardStatus(status: BusStatus): void {
    if (status === 'closed') this.#close()
    else this.#state.set(status)
  }

  #hand({ id, delivery, subject, data }: Extract<ParentMessage, { type: 'message' }>): void {
    const handler = this.#handlers.get(id)
    if (handler === undefined) return
    const message: BusMessage = { subject, data, wantsReply: delivery !== 0, respond: (reply) => this.#respond(delivery, reply) }
    this.#runs.start(handler, message)
  }

  #respond(delivery: number, data: Uint8Array): void {
    if (delivery === 0) return
    const isSent = data.length <= maxMessageBytes && this.#channel.send({ type: 'respond', delivery, data })
    if (!isSent) this.counts.dropped++
  }
}
