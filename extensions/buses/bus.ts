/**
 * The bus: how services talk. Bytes in, bytes out; typed calls stand in `rpc.ts`, broadcasts whose loss must show
 * in `sequenced.ts`. Subjects are dot-separated tokens; a subscription may use `*` for one token and a last `>` for
 * one or more.
 *
 * The rules every implementation keeps (each tested by `bus.contract.ts`):
 * - `publish` never throws and never waits; while disconnected the message is lost and `dropped` counts it.
 * - `request` with no subscriber fails at once with `dependency.no_responder`; while disconnected it fails at once
 *   with `dependency.bus_unreachable`; otherwise after `timeoutMs` with `dependency.timeout`.
 * - of several subscriptions with the same `queue` on a subject, one gets each message.
 * - a handler that throws or rejects ends neither the process nor the subscription.
 * - reconnecting goes on for ever; `onStatus('connected')` fires again after each reconnect.
 */
export type MessageHandler = (message: BusMessage) => void | Promise<void>

export interface BusMessage {
  readonly subject: string
  readonly data: Uint8Array
  /** Answers a request; does nothing for a plain publish. */
  respond(data: Uint8Array): void
}

export interface Subscription {
  unsubscribe(): void
}

export type BusStatus = 'connected' | 'disconnected' | 'closed'

export interface SubscribeOptions {
  readonly queue?: string
}

export interface Bus {
  publish(subject: string, data: Uint8Array): void
  subscribe(subject: string, handler: MessageHandler, options?: SubscribeOptions): Subscription
  request(subject: string, data: Uint8Array, options: { timeoutMs: number }): Promise<Uint8Array>
  readonly status: BusStatus
  onStatus(listener: (status: BusStatus) => void): Subscription
  /** Resolves once everything published before has left, and every subscription before is in force. */
  flush(): Promise<void>
  /** Takes no more messages, lets running handlers finish (at most `timeoutMs`), then closes. */
  drain(timeoutMs?: number): Promise<void>
  readonly counts: BusCounts
}

export interface BusCounts {
  published: number
  received: number
  dropped: number
  /** Messages that could not be decoded, by `rpc.ts`. */
  malformed: number
  handlerErrors: number
  reconnects: number
}
