import { create, type DescMessage, fromBinary, type MessageInitShape, type MessageShape, toBinary } from '@bufbuild/protobuf'
import type { ConfigTransport } from '@sluice/buses/config-feed'
import { SluiceError } from '@sluice/errors'
import { ConfigReplySchema, ConfigRequestSchema, ConfigSegmentsReplySchema, ConfigSegmentsRequestSchema } from '@sluice/proto/messages/control'

const timeoutMs = 10_000
const protobuf = 'application/x-protobuf'

/**
 * The way to control over HTTP, for when the bus is away: the same questions, put to the first that answers. Rejects
 * with `dependency.bus_unreachable` when none does.
 */
export function pullOverHttp(urls: readonly string[], token: string | undefined): ConfigTransport {
  const ask = async <Q extends DescMessage, A extends DescMessage>(path: string, types: { request: Q; reply: A }, request: MessageInitShape<Q>): Promise<MessageShape<A>> => {
    const body = toBinary(types.request, create(types.request, request))
    const failures: unknown[] = []
    for (const url of urls) {
      try {
        return fromBinary(types.reply, await post(new URL(path, url), token, body))
      } catch (error) {
        failures.push(error)
      }
    }
    throw new SluiceError('dependency.bus_unreachable', { detail: 'No control answers, by the bus or over HTTP', cause: new AggregateError(failures) })
  }
  return {
    ask: (request) => ask('/v1/internal/config', { request: ConfigRequestSchema, reply: ConfigReplySchema }, request),
    askSegments: (request) => ask('/v1/internal/config/segments', { request: ConfigSegmentsRequestSchema, reply: ConfigSegmentsReplySchema }, request),
  }
}

async function post(url: URL, token: string | undefined, body: Uint8Array): Promise<Uint8Array> {
  const headers = { 'content-type': protobuf, accept: protobuf, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) }
  const response = await fetch(url, { method: 'POST', headers, body: Buffer.from(body), signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
  if (!response.ok) throw new Error(`control answered ${response.status}`)
  return new Uint8Array(await response.arrayBuffer())
}
