import type { DescMessage, MessageInitShape, MessageShape } from '@bufbuild/protobuf'
import type { Subscription } from '@sluice/buses/bus'
import { answer, type Call } from '@sluice/buses/rpc'
import { SluiceError } from '@sluice/errors'
import { queues } from '@sluice/proto/subjects'
import { messageProblems } from '@sluice/service-kit'
import type { AuthParts } from '../parts.ts'

/** Calls that may be under way at once; whoever asks then is told to come back. */
const maxRunning = 1024

/** Answers calls as one of auth's instances, and knows which are under way. */
export class Answering {
  readonly #parts: Pick<AuthParts, 'bus' | 'scope' | 'logger' | 'metrics'>
  readonly #subscriptions: Subscription[] = []
  readonly #running = new Set<Promise<unknown>>()
  readonly #problems: ReturnType<typeof messageProblems>

  constructor(parts: Pick<AuthParts, 'bus' | 'scope' | 'logger' | 'metrics'>) {
    const { metrics } = parts
    this.#parts = parts
    this.#problems = messageProblems(parts)
    const running = metrics.gauge('sluice_auth_calls_running', 'Calls that are being answered.').with()
    metrics.onCollect(() => running.set(this.#running.size))
  }

  /** For what is heard beside the calls. */
  get onMalformed(): (subject: string) => void {
    return this.#problems.onMalformed
  }

  on<Q extends DescMessage, A extends DescMessage>(subject: (scope: string) => string, types: Call<Q, A>, handler: (message: MessageShape<Q>) => Promise<MessageInitShape<A>>): void {
    const { bus, scope } = this.#parts
    const options = { queue: queues.auth, ...this.#problems }
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
