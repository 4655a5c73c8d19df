import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { Subscription } from '@sluice/buses/bus'
import { answer, type Call } from '@sluice/buses/rpc'
import { SluiceError } from '@sluice/errors'
import { queues } from '@sluice/proto/subjects'
import { oncePerMinute } from '@sluice/service-kit'
import type { AuthParts } from '../parts.ts'

/** Calls that may be under way at once; whoever asks then is told to come back. */
const maxRunning = 1024

/** Answers calls as one of auth's instances, and knows which are under way. */
export class Answering {
  readonly #parts: Pick<AuthParts, 'bus' | 'scope' | 'logger' | 'metrics'>
  readonly #subscriptions: Subscription[] = []
  readonly #running = new Set<Promise<unknown>>()
  readonly onMalformed: (subject: string) => void
  readonly #onError: (subject: string, error: unknown) => void

  constructor(parts: Pick<AuthParts, 'bus' | 'scope' | 'logger' | 'metrics'>) {
    const { logger, metrics } = parts
    this.#parts = parts
    const malformed = metrics.counter('sluice_malformed_messages_total', 'Messages that could not be read.').with()
    const warn = oncePerMinute((subject, times) => logger.warn({ subject, times }, 'a message could not be read'))
    this.onMalformed = (subject) => {
      malformed.add(1)
      warn(subject)
    }
    this.#onError = (subject, error) => logger.error({ subject, err: error }, 'a call failed unexpectedly')
    const running = metrics.gauge('sluice_auth_calls_running', 'Calls that are being answered.').with()
    metrics.onCollect(() => running.set(this.#running.size))
  }

  on<Q extends DescMessage, A extends DescMessage>(subject: (scope: string) => string, types: Call<Q, A>, handler: (message: MessageShape<Q>) => Promise<MessageInitShape<A>>): void {
    const { bus, scope } = this.#parts
    const options = { queue: queues.auth, onMalformed: this.onMalformed, onError: this.#onError }
    this.#subscriptions.push(answer(bus, subject(scope), types, (message) => this.#run(() => handler(message)), options))
  }

  /** Takes no more calls, and waits for those under way, at most until the deadline. */
  async stop(deadlineMs: number): Promise<void> {
    for (const subscription of this.#subscriptions.splice(0)) subscription.unsubscribe()
    const timeout = Promise.withResolvers<void>()
    const timer = setTimeout(timeout.resolve, deadlineMs)
    await Promise.race([Promise.allSettled(this.#running), timeout.promise])
    clearTimeout(timer)
  }

  #run<T>(handle: () => Promise<T>): Promise<T> {
    if (this.#running.size >= maxRunning) throw new SluiceError('dependency.auth_unreachable', { detail: 'Auth has too many calls to answer' })
    const running = handle()
    this.#running.add(running)
    return running.finally(() => this.#running.delete(running))
  }
}
