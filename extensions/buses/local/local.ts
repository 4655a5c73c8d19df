/**
 * The bus inside one process. A message is queued and delivered in a later microtask, never within `publish`, so
 * that a publisher sees the same order of events as over a network. After `batchSize` deliveries in one turn of the
 * event loop the rest waits for the next: handlers that publish to each other must not stall timers and sockets.
 */
import { type Bus, type BusHooks, type BusMessage, type BusStatus, maxMessageBytes, type MessageHandler, type SubscribeOptions, type Subscription } from '../bus.ts'
import { checkPattern, noResponder, requestFault, timedOut, unreachable } from '../bus-errors.ts'
import { BusState } from '../bus-state.ts'
import { HandlerRuns } from '../handler-runs.ts'
import { readSettings } from '../settings.ts'
import { isSubject, SubjectIndex } from '../subject-index.ts'
import { type LocalBusSettings, schema } from './schema.ts'

interface Receiver {
  readonly handler: MessageHandler
  readonly queue: string | undefined
  active: boolean
}

type Delivery = { receiver: Receiver; message: BusMessage } | { passed: () => void }

const batchSize = 1024

/** A bus for services that live in this process; connected from the start. Nothing is kept once it is drained. */
export function createLocalBus(settings: LocalBusSettings = {}, hooks: BusHooks = {}): Bus {
  return new LocalBus(readSettings(schema, settings).maxPending, hooks)
}

class LocalBus implements Bus {
  readonly #state = new BusState('connected')
  readonly #runs: HandlerRuns
  readonly #index = new SubjectIndex<Receiver>()
  readonly #requests = new Set<(error: Error) => void>()
  readonly #maxPending: number
  #queue: Delivery[] = []
  #isScheduled = false
  #takenThisTurn = 0
  #turn = 0
  #draining: Promise<void> | undefined

  constructor(maxPending: number, hooks: BusHooks) {
    this.#maxPending = maxPending
    this.#runs = new HandlerRuns(this.#state.counts, hooks)
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
    const isLost = this.status === 'closed' || !isSubject(subject) || data.length > maxMessageBytes
    if (isLost) return void this.counts.dropped++
    this.counts.published++
    this.#send(this.#receivers(subject), { subject, data, wantsReply: false, respond: () => {} })
  }

  subscribe(subject: string, handler: MessageHandler, options: SubscribeOptions = {}): Subscription {
    checkPattern(subject)
    const receiver: Receiver = { handler, queue: options.queue, active: true }
    if (this.#draining !== undefined) return { unsubscribe: () => {} }
    const remove = this.#index.add(subject, receiver)
    return {
      unsubscribe: () => {
        receiver.active = false
        remove()
      },
    }
  }

  request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<Uint8Array> {
    const fault = requestFault(subject, data) ?? (this.status === 'closed' ? unreachable() : undefined)
    if (fault !== undefined) return Promise.reject(fault)
    const receivers = this.#receivers(subject)
    if (receivers.length === 0) return Promise.reject(noResponder(subject))
    this.counts.published++
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => fail(timedOut(subject, options.timeoutMs)), options.timeoutMs)
      const settle = () => {
        clearTimeout(timer)
        this.#requests.delete(fail)
      }
      const fail = (error: Error) => {
        settle()
        reject(error)
      }
      const respond = (reply: Uint8Array) => {
        if (reply.length > maxMessageBytes) return void this.counts.dropped++
        settle()
        resolve(reply)
      }
      this.#requests.add(fail)
      this.#send(receivers, { subject, data, wantsReply: true, respond })
    })
  }

  flush(): Promise<void> {
    if (this.status === 'closed') return Promise.reject(unreachable())
    return new Promise((passed) => this.#enqueue({ passed }))
  }

  drain(timeoutMs = 10_000): Promise<void> {
    return (this.#draining ??= this.#drain(timeoutMs))
  }

  async #drain(timeoutMs: number): Promise<void> {
    this.#index.clear()
    await this.flush()
    await this.#runs.idle(timeoutMs)
    this.#state.set('closed')
    for (const fail of [...this.#requests]) fail(unreachable())
  }

  /** All subscriptions without a queue, and one of each queue, in turn. */
  #receivers(subject: string): Receiver[] {
    const matching = this.#index.match(subject)
    if (!matching.some((receiver) => receiver.queue !== undefined)) return matching
    const chosen: Receiver[] = []
    const byQueue = new Map<string, Receiver[]>()
    for (const receiver of matching) {
      if (receiver.queue === undefined) chosen.push(receiver)
      else byQueue.set(receiver.queue, [...(byQueue.get(receiver.queue) ?? []), receiver])
    }
    const turn = this.#turn++
    for (const members of byQueue.values()) chosen.push(...members.slice(turn % members.length).slice(0, 1))
    return chosen
  }

  #send(receivers: readonly Receiver[], message: BusMessage): void {
    for (const receiver of receivers) {
      if (this.#queue.length < this.#maxPending) this.#enqueue({ receiver, message })
      else this.counts.dropped++
    }
  }

  #enqueue(delivery: Delivery): void {
    this.#queue.push(delivery)
    if (this.#isScheduled) return
    this.#isScheduled = true
    queueMicrotask(() => this.#deliver())
  }

  #deliver(): void {
    if (this.#takenThisTurn === 0) setImmediate(() => this.#beginTurn())
    let taken = 0
    while (taken < this.#queue.length && this.#takenThisTurn < batchSize) {
      this.#takenThisTurn++
      this.#hand(this.#queue[taken++]!)
    }
    this.#queue = this.#queue.slice(taken)
    this.#isScheduled = this.#queue.length > 0 // the next turn of the event loop takes what is left
  }

  #beginTurn(): void {
    this.#takenThisTurn = 0
    if (this.#isScheduled) this.#deliver()
  }

  #hand(delivery: Delivery): void {
    if ('passed' in delivery) return delivery.passed()
    if (delivery.receiver.active) this.#runs.start(delivery.receiver.handler, delivery.message)
  }
}
