/** Sends a case of the corpora to a gateway and says what came of it, in the corpora's own notation. */
import { setTimeout as sleep } from 'node:timers/promises'
import { answer, waitUntil, type RecordedRequest } from '@sluice/testkit'
import type { CorpusCase } from './corpus.ts'
import { corpusHost, type Lane } from './gateway-lanes.ts'
import { fieldOf, RawClient, type SeenResponse } from './raw-client.ts'

export interface Outcome {
  readonly responses: readonly string[]
  readonly requests: readonly string[]
  readonly afterwards: string
  /** The fields of the last whole request that the upstream saw. */
  readonly fields: ReadonlyMap<string, string>
}

/** How long nothing comes where nothing is expected. */
const quietMs = 40
/** Between two parts of what is sent, so that they are read one by one. */
const gapMs = 3

const shownBytes = 200

/** `bytes` with the lane's host for that of the corpora. */
export function inLane(text: string, lane: Lane): string {
  return text.replaceAll(corpusHost, lane.host).replaceAll(corpusHost.toUpperCase(), lane.host.toUpperCase())
}

/** Sends the case's bytes, cut at each of `cuts`. */
export async function replayRequest(port: number, lane: Lane, item: CorpusCase, cuts: readonly number[] = []): Promise<Outcome> {
  const whole: RecordedRequest[] = []
  lane.upstream.does((reply) => {
    whole.push(reply.record)
    return answer(200, 'ok')(reply)
  })
  const bytes = inLane(item.bytes, lane)
  const methods = methodsIn(bytes)
  const client = await RawClient.connect(port)
  await sendInParts(client, bytes, cuts)
  await waitUntil(() => client.isClosed || client.responses(methods).length >= item.responses.length, { everyMs: 2 }).catch(() => undefined)
  const afterwards = await findAfterwards(client, item, lane, methods)
  const answered = afterwards === 'kept' ? client.responses(methods).slice(0, -1) : client.responses(methods)
  const seen = afterwards === 'kept' ? whole.slice(0, -1) : whole
  client.destroy()
  return {
    responses: answered.map((response) => showResponse(response)),
    requests: seen.map((record) => showRequest(record)),
    afterwards,
    fields: fieldsOf(seen.at(-1)),
  }
}

async function sendInParts(client: RawClient, bytes: string, cuts: readonly number[]): Promise<void> {
  let from = 0
  for (const cut of cuts) {
    client.send(bytes.slice(from, cut))
    from = cut
    await sleep(gapMs)
  }
  client.send(bytes.slice(from))
}

/** What has become of the connection; one that should serve another request is asked to. */
async function findAfterwards(client: RawClient, item: CorpusCase, lane: Lane, methods: readonly string[]): Promise<string> {
  if (item.afterwards === 'closed') {
    await waitUntil(() => client.isClosed, { everyMs: 2, timeoutMs: 3000 }).catch(() => undefined)
    return client.isClosed ? 'closed' : 'open'
  }
  if (item.afterwards === 'waits') {
    await client.quiet(quietMs)
    return client.isClosed ? 'closed' : 'waits'
  }
  const before = client.responses(methods).length
  client.send(`GET /probe HTTP/1.1\r\nHost: ${lane.host}\r\nConnection: close\r\n\r\n`)
  await waitUntil(() => client.isClosed, { everyMs: 2 }).catch(() => undefined)
  const responses = client.responses(methods)
  return responses.length === before + 1 && responses.at(-1)!.status === 200 && responses.at(-1)!.isComplete ? 'kept' : client.isClosed ? 'closed' : 'open'
}

/** Only which of them are HEAD matters. */
function methodsIn(bytes: string): string[] {
  return [...bytes.matchAll(/(?:^|\r\n)(\S+) \S+ HTTP\/1\.[01]\r/g)].map((found) => found[1]!)
}

/** Status, then the catalogue's code or the body; `cut` when the rest is missing. */
export function showResponse({ status, body, trailers, isComplete }: SeenResponse): string {
  const reason = /"reason":"([a-z_.]+)"/.exec(body)?.[1]
  const text = reason ?? (body === '' ? '' : showBody(body))
  return [String(status), text, trailers === '' ? '' : `trailers ${trailers.toLowerCase()}`, isComplete ? '' : 'cut'].filter((part) => part !== '').join(' ')
}

export function showRequest({ method, url, body, trailers }: RecordedRequest): string {
  const named = Object.entries(trailers).map(([name, value]) => `${name}: ${value}`)
  return [`${method} ${show(url)}`, body.length === 0 ? '' : showBody(body.toString('latin1')), named.length === 0 ? '' : `trailers ${named.join(', ')}`].filter((part) => part !== '').join(' ')
}

function showBody(body: string): string {
  return body.length > shownBytes ? `${body.length} bytes` : `"${show(body)}"`
}

function fieldsOf(record: RecordedRequest | undefined): Map<string, string> {
  const fields = new Map<string, string>()
  const raw = record?.rawHeaders ?? []
  for (let index = 0; index < raw.length; index += 2) {
    const name = raw[index]!.toLowerCase()
    const known = fields.get(name)
    fields.set(name, known === undefined ? show(raw[index + 1]!) : `${known}, ${show(raw[index + 1]!)}`)
  }
  return fields
}

/** Of a response that a client saw. */
export function responseFields(response: SeenResponse | undefined): Map<string, string> {
  const fields = response?.fields ?? []
  return new Map(fields.filter((_, index) => index % 2 === 0).map((name) => [name, show(fieldOf(fields, name)!)]))
}

/** Which of the case's demands on fields are not met. */
export function unmetFields(item: CorpusCase, fields: ReadonlyMap<string, string>, lane: Lane): string[] {
  return item.fields.filter((demand) => {
    const colon = demand.indexOf(': ')
    const name = demand.slice(1, colon < 0 ? demand.length : colon)
    return demand.startsWith('-') ? fields.has(name) : fields.get(name) !== inLane(demand.slice(colon + 2), lane)
  }).map((demand) => `${demand} (is ${fields.get(demand.slice(1).split(':')[0]!) ?? 'absent'})`)
}

function show(bytes: string): string {
  // oxlint-disable-next-line no-control-regex
  return bytes.replace(/[\\\0-\x1f\x7f-\xff]/g, (character) => {
    const known = { '\r': '\\r', '\n': '\\n', '\t': '\\t', '\0': '\\0', '\\': '\\\\' }[character]
    return known ?? `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`
  })
}
