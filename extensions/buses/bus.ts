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
 * - a message above `maxMessageBytes` goes nowhere: `publish` and `respond` count it in `dropped`, `request` fails.
 * - an ill-formed subject is a mistake of the caller: `subscribe` throws and `request` fails with
 *   `internal.invariant_broken`; `publish` counts it in `dropped`.
 * - handlers of one subscription start in the order of publishing; none waits for the one before to finish.
 * - bytes handed over are not copied everywhere: whoever publishes, or receives, leaves them unchanged.
 */

/** The largest message any bus carries: the default `max_payload` of a NATS server. Larger things go in parts. */
export const maxMessageBytes = 1_048_576

export type MessageHandler = (message: BusMessage) => void | Promise<void>

export interface BusMessage {
  readonly subject: string
  readonly data: Uint8Array
  /** Whether somebody waits for a reply. */
  readonly wantsReply: boolean
  /** Answers a request, of several answers the first counts; does nothing for a plain publish. Never throws. */
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
  /** Tells of each change from now on; a listener that throws does not stop the others. */
  onStatus(listener: (status: BusStatus) => void): Subscription
  /**
   * Resolves once everything published before has left, and every subscription before is in force. Rejects with
   * `dependency.bus_unreachable` when the bus is away, or goes away meanwhile: a start that must not depend on the
   * bus does not wait for it (subscriptions made while away take effect on connect).
   */
  flush(): Promise<void>
  /** Takes no more messages, lets running handlers finish (at most `timeoutMs` [10000]), then closes. Never rejects. */
  drain(timeoutMs?: number): Promise<void>
  readonly counts: BusCounts
}

/** What every way of making a bus takes. */
export interface BusHooks {
  /** Told when a handler throws or rejects; it is counted either way. */
  readonly onHandlerError?: (subject: string, error: unknown) => void
  /** Told of what the transport has to say: a refused credential, a permission that is missing. May come often. */
  readonly onTransportError?: (error: unknown) => void
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
