/**
 * Typed calls over a bus: one protobuf message out, one back. The reply travels inside an `RpcReply`, so that an
 * error of the other side arrives as the same catalogue code. A message that cannot be decoded is counted in
 * `bus.counts.malformed`, told to `onMalformed`, and dropped; it never ends a process.
 */
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf'
import { codeOf, isErrorCode, SluiceError } from '@sluice/errors'
import { RpcReplySchema } from '@sluice/proto/messages/rpc'
import type { Bus, Subscription } from './bus.ts'

export interface Call<Q extends DescMessage, A extends DescMessage> {
  readonly request: Q
  readonly reply: A
}

export interface AnswerOptions {
  readonly queue?: string
  readonly onMalformed?: (subject: string, error: unknown) => void
  /** Told of what is not a `SluiceError`: the caller only sees `internal.unexpected`. */
  readonly onError?: (subject: string, error: unknown) => void
}

/** Calls and waits for the typed reply. Throws the callee's code, or the bus's own `dependency.*` codes. */
export async function call<Q extends DescMessage, A extends DescMessage>(
  bus: Bus,
  subject: string,
  types: Call<Q, A>,
  message: MessageInitShape<Q>,
  options: { timeoutMs: number },
): Promise<MessageShape<A>> {
  const data = toBinary(types.request, create(types.request, message))
  const reply = fromBinary(RpcReplySchema, await bus.request(subject, data, options))
  if (reply.outcome.case === 'body') return fromBinary(types.reply, reply.outcome.value)
  throw remoteError(reply.outcome.value)
}

/** Answers typed calls on `subject`; a throwing handler sends its code back. */
export function answer<Q extends DescMessage, A extends DescMessage>(
  bus: Bus,
  subject: string,
  types: Call<Q, A>,
  handler: (message: MessageShape<Q>) => MessageInitShape<A> | Promise<MessageInitShape<A>>,
  options: AnswerOptions = {},
): Subscription {
  const queue = options.queue === undefined ? {} : { queue: options.queue }
  return bus.subscribe(
    subject,
    async (message) => {
      const decoded = decode(bus, types.request, message.subject, message.data, options.onMalformed)
      if (decoded === undefined) return
      try {
        const result = create(types.reply, await handler(decoded))
        message.respond(encodeReply({ case: 'body', value: toBinary(types.reply, result) }))
      } catch (error) {
        if (!(error instanceof SluiceError)) options.onError?.(message.subject, error)
        message.respond(encodeReply({ case: 'error', value: errorFacts(error) }))
      }
    },
    queue,
  )
}

/** Publishes one typed message. */
export function announce<M extends DescMessage>(bus: Bus, subject: string, type: M, message: MessageInitShape<M>): void {
  bus.publish(subject, toBinary(type, create(type, message)))
}

/** Hears typed messages on `subject`. */
export function listen<M extends DescMessage>(
  bus: Bus,
  subject: string,
  type: M,
  handler: (message: MessageShape<M>) => void | Promise<void>,
  options: AnswerOptions = {},
): Subscription {
  return bus.subscribe(subject, (message) => {
    const decoded = decode(bus, type, message.subject, message.data, options.onMalformed)
    return decoded === undefined ? undefined : handler(decoded)
  })
}

function decode<M extends DescMessage>(
  bus: Bus,
  type: M,
  subject: string,
  data: Uint8Array,
  onMalformed: AnswerOptions['onMalformed'],
): MessageShape<M> | undefined {
  try {
    return fromBinary(type, data)
  } catch (error) {
    bus.counts.malformed++
    onMalformed?.(subject, error)
    return undefined
  }
}

type Outcome = { case: 'body'; value: Uint8Array } | { case: 'error'; value: { code: string; detail: string; extraJson: string } }

function encodeReply(outcome: Outcome): Uint8Array {
  return toBinary(RpcReplySchema, create(RpcReplySchema, { outcome: outcome as never }))
}

function errorFacts(error: unknown): { code: string; detail: string; extraJson: string } {
  const known = error instanceof SluiceError
  const extraJson = known && Object.keys(error.extra).length > 0 ? JSON.stringify(error.extra) : ''
  return { code: codeOf(error), detail: known ? error.detail : 'Something unexpected happened; see the log of the service', extraJson }
}

function remoteError(error: { code: string; detail: string; extraJson: string } | undefined): SluiceError {
  const code = error !== undefined && isErrorCode(error.code) ? error.code : 'internal.unexpected'
  const extra = error?.extraJson ? { extra: JSON.parse(error.extraJson) as Record<string, unknown> } : {}
  return new SluiceError(code, { detail: error?.detail ?? 'The reply could not be read', ...extra })
}
