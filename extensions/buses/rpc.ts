/**
 * Typed calls over a bus: one protobuf message out, one back. The reply travels inside an `RpcReply`, so that an
 * error of the other side arrives as the same catalogue code. A message that cannot be decoded is counted in
 * `bus.counts.malformed`, told to `onMalformed`, and dropped; it never ends a process. A caller whose request was
 * dropped so meets its timeout.
 */
import { create, fromBinary, toBinary, type DescMessage, type MessageInitShape, type MessageShape } from '@bufbuild/protobuf'
import { codeOf, isErrorCode, SluiceError } from '@sluice/errors'
import { type RpcError, RpcReplySchema } from '@sluice/proto/messages/rpc'
import type { Bus, Subscription } from './bus.ts'

export interface Call<Q extends DescMessage, A extends DescMessage> {
  readonly request: Q
  readonly reply: A
}

export interface ListenOptions {
  readonly queue?: string
  /** May come often: see `oncePerMinute` of service-kit. */
  readonly onMalformed?: (subject: string, error: unknown) => void
  /** Told when the handler throws; of `answer`, only what is not a `SluiceError`: the caller sees `internal.unexpected`. */
  readonly onError?: (subject: string, error: unknown) => void
}

export interface TypedListenOptions<M extends DescMessage> extends ListenOptions {
  /** What decodes but makes no sense counts as malformed too. */
  readonly isValid?: (message: MessageShape<M>) => boolean
}

/**
 * Calls and waits for the typed reply. Throws the callee's code, or the bus's own `dependency.*` codes;
 * `internal.unexpected` when the reply cannot be decoded.
 */
export async function call<Q extends DescMessage, A extends DescMessage>(
  bus: Bus,
  subject: string,
  types: Call<Q, A>,
  message: MessageInitShape<Q>,
  options: { timeoutMs: number },
): Promise<MessageShape<A>> {
  const data = toBinary(types.request, create(types.request, message))
  const { outcome } = decodeReply(bus, RpcReplySchema, await bus.request(subject, data, options), subject)
  if (outcome.case === 'body') return decodeReply(bus, types.reply, outcome.value, subject)
  throw remoteError(outcome.value)
}

export interface AnswerOptions<M extends DescMessage> extends ListenOptions {
  /** Whether a call is for this one to answer; another is left to those who listen on the subject as well. */
  readonly isOurs?: (message: MessageShape<M>) => boolean
}

/**
 * Answers typed calls on `subject`; a throwing handler sends its code back. What was only announced there is heard as well:
 * `isCall` tells, and what is answered then goes nowhere.
 */
export function answer<Q extends DescMessage, A extends DescMessage>(
  bus: Bus,
  subject: string,
  types: Call<Q, A>,
  handler: (message: MessageShape<Q>, isCall: boolean) => MessageInitShape<A> | Promise<MessageInitShape<A>>,
  options: AnswerOptions<Q> = {},
): Subscription {
  return bus.subscribe(
    subject,
    async (message) => {
      const decoded = decode(bus, types.request, message.subject, message.data, options)
      if (decoded === undefined || options.isOurs?.(decoded) === false) return
      try {
        const result = await handler(decoded, message.wantsReply)
        if (message.wantsReply) message.respond(encodeReply({ case: 'body', value: toBinary(types.reply, create(types.reply, result)) }))
      } catch (error) {
        if (!(error instanceof SluiceError)) options.onError?.(message.subject, error)
        message.respond(encodeReply({ case: 'error', value: errorFacts(error) }))
      }
    },
    queueOf(options),
  )
}

/** Publishes one typed message. */
export function announce<M extends DescMessage>(bus: Bus, subject: string, type: M, message: MessageInitShape<M>): void {
  bus.publish(subject, toBinary(type, create(type, message)))
}

/** Hears typed messages on `subject`. What the handler throws is told to `onError` and counted by the bus. */
export function listen<M extends DescMessage>(
  bus: Bus,
  subject: string,
  type: M,
  handler: (message: MessageShape<M>) => void | Promise<void>,
  options: TypedListenOptions<M> = {},
): Subscription {
  return bus.subscribe(
    subject,
    async (message) => {
      const decoded = decode(bus, type, message.subject, message.data, options)
      if (decoded === undefined) return
      try {
        await handler(decoded)
      } catch (error) {
        options.onError?.(message.subject, error)
        throw error
      }
    },
    queueOf(options),
  )
}

function queueOf({ queue }: ListenOptions): { queue?: string } {
  return queue === undefined ? {} : { queue }
}

function decode<M extends DescMessage>(
  bus: Bus,
  type: M,
  subject: string,
  data: Uint8Array,
  options: TypedListenOptions<M>,
): MessageShape<M> | undefined {
  try {
    const message = fromBinary(type, data)
    if (options.isValid?.(message) === false) throw new TypeError(`A ${type.typeName} with impossible values`)
    return message
  } catch (error) {
    bus.counts.malformed++
    options.onMalformed?.(subject, error)
    return undefined
  }
}

function decodeReply<M extends DescMessage>(bus: Bus, type: M, data: Uint8Array, subject: string): MessageShape<M> {
  try {
    return fromBinary(type, data)
  } catch (cause) {
    bus.counts.malformed++
    throw new SluiceError('internal.unexpected', { detail: `The reply on ${subject} could not be read`, cause })
  }
}

type Outcome = { case: 'body'; value: Uint8Array } | { case: 'error'; value: ErrorFacts }
type ErrorFacts = Pick<RpcError, 'code' | 'detail' | 'extraJson'>

function encodeReply(outcome: Outcome): Uint8Array {
  return toBinary(RpcReplySchema, create(RpcReplySchema, { outcome }))
}

function errorFacts(error: unknown): ErrorFacts {
  const known = error instanceof SluiceError
  const extraJson = known && Object.keys(error.extra).length > 0 ? JSON.stringify(error.extra) : ''
  return { code: codeOf(error), detail: known ? error.detail : 'Something unexpected happened; see the log of the service', extraJson }
}

function remoteError(error: RpcError | undefined): SluiceError {
  const code = error !== undefined && isErrorCode(error.code) ? error.code : 'internal.unexpected'
  const extra = parseExtra(error?.extraJson ?? '')
  return new SluiceError(code, { detail: error?.detail ?? 'The reply held neither a result nor an error', ...(extra && { extra }) })
}

/** The further facts of an error; none when they cannot be read, since the code matters more. */
function parseExtra(json: string): Record<string, unknown> | undefined {
  if (json === '') return undefined
  try {
    const value: unknown = JSON.parse(json)
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : undefined
  } catch {
    return undefined
  }
}
