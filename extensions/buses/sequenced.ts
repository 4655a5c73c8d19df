/**
 * Broadcasts whose loss shows. A publisher numbers its messages from 1 and repeats the last number in a beacon; a
 * subscriber compares numbers per publisher. Whatever may have been missed is told through `onGap`, and the
 * subscriber fetches the state by a request: nothing is sent again here.
 *
 * A gap is told when a number was skipped, when the beacon is ahead, when a publisher is met for the first time (the
 * one before it may have died with something unsaid), and after each reconnect of the bus. So there is one soon after
 * the start; a fetch that turns out to be needless costs little, a missed revocation does not.
 */
import { randomUUID } from 'node:crypto'
import { type Sequenced, SequencedSchema } from '@sluice/proto/messages/rpc'
import type { Bus, Subscription } from './bus.ts'
import { announce, listen } from './rpc.ts'

export interface SequencedPublisher {
  publish(body: Uint8Array): void
  stop(): void
}

export interface PublisherOptions {
  /** Between two beacons [1000]. */
  readonly beaconMs?: number
}

/** Publishes numbered messages under a name of its own, new at each start; beacons go out until `stop`. */
export function createSequencedPublisher(bus: Bus, subject: string, options: PublisherOptions = {}): SequencedPublisher {
  const publisher = randomUUID()
  let sequence = 0
  const beacon = () => announce(bus, subject, SequencedSchema, { publisher, sequence, beacon: true })
  const timer = setInterval(beacon, options.beaconMs ?? 1000).unref()
  const reconnects = bus.onStatus((status) => {
    if (status === 'connected') beacon()
  })
  beacon()
  return {
    publish: (body) => announce(bus, subject, SequencedSchema, { publisher, sequence: ++sequence, body }),
    stop() {
      clearInterval(timer)
      reconnects.unsubscribe()
    },
  }
}

export interface SequencedHandlers {
  onMessage(body: Uint8Array, from: { readonly publisher: string; readonly sequence: number }): void | Promise<void>
  /** Something may have been missed; `undefined` when the bus itself was away. Told before the message that showed it. */
  onGap(publisher: string | undefined): void
  /** A publisher is met for the first time, so many messages after its first; `onGap` follows. */
  onPublisher?(publisher: string, missed: number): void
  onMalformed?(subject: string, error: unknown): void
  onError?(subject: string, error: unknown): void
}

export interface SequencedSubscription extends Subscription {
  /** When a publisher was last heard, on the clock's monotonic scale; before the first, when the subscription began. */
  lastHeardAt(): number
}

export interface SubscriberOptions {
  readonly clock?: { monotonic(): number }
  /** Publishers remembered; the one not heard for longest is forgotten first, and is new when it speaks again [64]. */
  readonly maxPublishers?: number
}

/** Hears numbered messages, each once and in order of its publisher; old ones and repetitions are passed over. */
export function subscribeSequenced(bus: Bus, subject: string, handlers: SequencedHandlers, options: SubscriberOptions = {}): SequencedSubscription {
  const clock = options.clock ?? { monotonic: () => performance.now() }
  const sequences = new Map<string, number>()
  let heardAt = clock.monotonic()

  const remember = (publisher: string, sequence: number) => {
    sequences.delete(publisher)
    sequences.set(publisher, sequence)
    const [oldest] = sequences.keys()
    if (oldest !== undefined && sequences.size > (options.maxPublishers ?? 64)) sequences.delete(oldest)
  }

  const take = (message: Sequenced): void | Promise<void> => {
    const { publisher, sequence, beacon, body } = message
    heardAt = clock.monotonic()
    const last = sequences.get(publisher)
    remember(publisher, Math.max(sequence, last ?? 0))
    const isGap = last === undefined || sequence > (beacon ? last : last + 1)
    if (last === undefined) handlers.onPublisher?.(publisher, beacon ? sequence : sequence - 1)
    if (isGap) handlers.onGap(publisher)
    if (!beacon && sequence > (last ?? 0)) return handlers.onMessage(body, { publisher, sequence })
  }

  const subscription = listen(bus, subject, SequencedSchema, take, {
    isValid: isWellFormed,
    ...(handlers.onMalformed && { onMalformed: (at: string, error: unknown) => handlers.onMalformed?.(at, error) }),
    ...(handlers.onError && { onError: (at: string, error: unknown) => handlers.onError?.(at, error) }),
  })
  const reconnects = bus.onStatus((status) => {
    if (status === 'connected') handlers.onGap(undefined)
  })
  return {
    lastHeardAt: () => heardAt,
    unsubscribe() {
      subscription.unsubscribe()
      reconnects.unsubscribe()
    },
  }
}

function isWellFormed(message: Sequenced): boolean {
  return message.publisher !== '' && message.publisher.length <= 128 && Number.isSafeInteger(message.sequence) && message.sequence >= (message.beacon ? 0 : 1)
}
