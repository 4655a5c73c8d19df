import { codeOf, SluiceError } from '@sluice/errors'
import type { Bus, BusMessage, Subscription } from './bus.ts'
import type { RelayChannel, RelayMessage, WorkerMessage } from './relay-messages.ts'

export interface Relay {
  /** Takes the worker's subscriptions off the bus and hears it no more; happens by itself when the channel closes. */
  detach(): void
}

// A worker that never answers what it was asked must not make its parent remember every question.
const maxUnanswered = 4096

/** Lets the worker at the other end of `channel` use `bus` through `createRelayedBus`. Works over any bus. */
export function attachRelay(bus: Bus, channel: RelayChannel): Relay {
  const end = new RelayEnd(bus, channel)
  return { detach: () => end.detach() }
}

class RelayEnd {
  readonly #bus: Bus
  readonly #channel: RelayChannel
  readonly #subscriptions = new Map<number, Subscription>()
  readonly #unanswered = new Map<number, BusMessage>()
  readonly #own: Subscription[]
  #lastDelivery = 0
  #isDetached = false

  constructor(bus: Bus, channel: RelayChannel) {
    this.#bus = bus
    this.#channel = channel
    this.#own = [
      channel.onMessage((message) => this.#take(message as WorkerMessage)),
      channel.onClose(() => this.detach()),
      bus.onStatus((status) => this.#tell({ type: 'status', status })),
    ]
    this.#tell({ type: 'status', status: bus.status })
  }

  detach(): void {
    this.#isDetached = true
    for (const subscription of [...this.#subscriptions.values(), ...this.#own]) subscription.unsubscribe()
    this.#subscriptions.clear()
    this.#unanswered.clear()
  }

  #take(message: WorkerMessage): void {
    switch (message.type) {
      case 'hello':
        return this.#tell({ type: 'status', status: this.#bus.status })
      case 'publish':
        return this.#bus.publish(message.subject, message.data)
      case 'subscribe':
        return this.#subscribe(message)
      case 'unsubscribe':
        this.#subscriptions.get(message.id)?.unsubscribe()
        return void this.#subscriptions.delete(message.id)
      case 'request':
        return this.#request(message)
      case 'respond':
        this.#unanswered.get(message.delivery)?.respond(message.data)
        return void this.#unanswered.delete(message.delivery)
      case 'flush':
        return this.#flush(message.id)
    }
  }

  #subscribe({ id, subject, queue }: Extract<WorkerMessage, { type: 'subscribe' }>): void {
    const hand = (message: BusMessage) => this.#hand(id, message)
    this.#subscriptions.get(id)?.unsubscribe()
    this.#subscriptions.set(id, this.#bus.subscribe(subject, hand, queue === undefined ? {} : { queue }))
  }

  #hand(id: number, message: BusMessage): void {
    const delivery = message.wantsReply ? ++this.#lastDelivery : 0
    const { subject, data } = message
    if (!this.#channel.send({ type: 'message', id, delivery, subject, data })) return void this.#bus.counts.dropped++
    if (delivery === 0) return
    this.#unanswered.set(delivery, message)
    for (const oldest of this.#unanswered.keys()) {
      if (this.#unanswered.size <= maxUnanswered) break
      this.#unanswered.delete(oldest)
    }
  }

  #request({ id, subject, data, timeoutMs }: Extract<WorkerMessage, { type: 'request' }>): void {
    this.#bus.request(subject, data, { timeoutMs }).then(
      (reply) => this.#tell({ type: 'reply', id, data: reply }),
      (error: unknown) => this.#tellFailure(id, error),
    )
  }

  #flush(id: number): void {
    this.#bus.flush().then(
      () => this.#tell({ type: 'flushed', id }),
      (error: unknown) => this.#tellFailure(id, error),
    )
  }

  #tellFailure(id: number, error: unknown): void {
    const detail = error instanceof SluiceError ? error.detail : ''
    this.#tell({ type: 'failed', id, code: codeOf(error), detail })
  }

  #tell(message: RelayMessage): void {
    if (!this.#isDetached && !this.#channel.send(message)) this.#bus.counts.dropped++
  }
}
