import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import type { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { suiteCleanup, waitUntil } from '@sluice/testkit'
import { readCorpus, type CorpusCase } from './corpus.ts'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { RawClient } from './raw-client.ts'
import { plainAnswer, RawUpstream } from './raw-upstream.ts'
import { responseFields, showResponse, unmetFields } from './replay.ts'

const laneCount = 16
const everyManyth = 4
const shortBytes = 200
const gapMs = 3

const corpus = readCorpus('responses')

interface Lane {
  readonly host: string
  readonly upstream: RawUpstream
}

interface Outcome {
  readonly lines: readonly string[]
  readonly unmet: readonly string[]
}

/** One exchange that the case's bytes answer, cut at `cut`, and an ordinary one behind it. */
async function replay(port: number, { host, upstream }: Lane, item: CorpusCase, cut = 0): Promise<Outcome> {
  let used: Socket | undefined
  upstream.requests.length = 0
  upstream.script = (socket, request) => {
    if (!request.text.includes(' /case ')) return plainAnswer(socket, request)
    used = socket
    void misbehave(socket, item, cut)
  }
  const client = await RawClient.connect(port)
  client.send(`${item.method} /case HTTP/1.1\r\nHost: ${host}\r\n\r\n`)
  const ask = (): boolean => client.isClosed || client.responses([item.method]).at(0)?.isComplete === true
  await waitUntil(ask, { everyMs: 2 }).catch(() => undefined)
  const seen = client.responses([item.method])
  const lines = [...seen.map((response) => `= ${showResponse(response)}`)]
  if (item.ending !== '') await waitUntil(() => !upstream.sockets.has(used!), { everyMs: 2 })
  // A response that is whole leaves the client's connection as it was, whatever became of the upstream's.
  const isWhole = seen.at(-1)?.isComplete === true
  const next = isWhole ? client : await RawClient.connect(port)
  next.send(`GET /next HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`)
  await waitUntil(() => next.isClosed, { everyMs: 2 }).catch(() => undefined)
  assert.equal(next.responses(isWhole ? [item.method] : []).at(-1)?.body, 'ok', `${item.title}: the next request`)
  const [first, second] = [upstream.requests[0], upstream.requests.at(-1)]
  lines.push(`. ${first?.connection === second?.connection ? 'reused' : 'new'}`)
  client.destroy()
  next.destroy()
  return { lines, unmet: unmetFields(item, responseFields(seen.at(-1)), { host } as never) }
}

async function misbehave(socket: Socket, item: CorpusCase, cut: number): Promise<void> {
  if (cut > 0) {
    socket.write(item.bytes.slice(0, cut), 'latin1')
    await sleep(gapMs)
  }
  socket.write(item.bytes.slice(cut), 'latin1', () => {
    if (item.ending === 'end') socket.end()
    // The bytes go first: a reset takes along what the other side has not read.
    else if (item.ending === 'reset') setTimeout(() => socket.resetAndDestroy(), gapMs * 10)
  })
}

/** Not what falls silent by itself, nor where bytes too many would come when the next request is already out. */
function mayBeCut({ file, afterwards, ending, responses }: CorpusCase): boolean {
  const hasTooMany = afterwards === 'new' && ending === '' && /^\d{3}( "[^"]*")?$/.test(responses[0]!)
  return file !== 'connection-end.txt' && !hasTooMany
}

function check(item: CorpusCase, { lines, unmet }: Outcome): void {
  assert.deepEqual(lines, [...item.responses.map((line) => `= ${line}`), `. ${item.afterwards}`], `${item.file}: ${item.title}\n${JSON.stringify(item.bytes.slice(0, 300))}`)
  assert.deepEqual(unmet, [], `${item.file}: ${item.title}`)
}

describe('odd and hostile responses', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const outcomes = new Map<CorpusCase, Outcome>()
  let lanes: Lane[]
  let under: EdgeUnderTest

  async function inLanes<T>(items: readonly T[], one: (item: T, lane: Lane) => Promise<void>): Promise<void> {
    let next = 0
    const ends = await Promise.allSettled(lanes.map(async (lane) => {
      while (next < items.length) await one(items[next++]!, lane)
    }))
    for (const end of ends) if (end.status === 'rejected') throw end.reason
  }

  before(async () => {
    lanes = await Promise.all(Array.from({ length: laneCount }, async (_, index) => ({ host: `l${index.toString(36)}.test`, upstream: await RawUpstream.start(whole) })))
    under = await startEdge(whole, {
      upstreams: Object.fromEntries(lanes.map(({ upstream }, index) => [`up-${index}`, {
        endpoints: [{ url: upstream.url }], health: { passive: false }, timeouts: { firstByteMs: 1000, idleMs: 1000 },
      }])),
      routes: lanes.map(({ host }, index) => ({ name: `lane-${index}`, match: { hosts: [host], pathPrefix: '/' }, upstream: `up-${index}` })),
    })
    await inLanes(corpus, async (item, lane) => void outcomes.set(item, await replay(under.port, lane, item)))
  })

  it('the corpus is as large as it says', () => {
    assert.ok(corpus.length >= 110, `${corpus.length} cases`)
    assert.equal(new Set(corpus.map(({ file, title }) => `${file} ${title}`)).size, corpus.length)
  })

  for (const item of corpus) it(item.title, () => check(item, outcomes.get(item)!))

  it('where the bytes are cut on their way changes nothing', async () => {
    const chosen = corpus.filter((item) => item.bytes.length <= shortBytes && mayBeCut(item)).filter((_, index) => index % everyManyth === 0)
    const cuts = chosen.flatMap((item) => Array.from({ length: item.bytes.length - 1 }, (_, index) => ({ item, cut: index + 1 })))
    assert.ok(cuts.length > 1000, `${cuts.length} cuts`)
    await inLanes(cuts, async ({ item, cut }, lane) => check({ ...item, title: `${item.title}, cut at ${cut}` }, await replay(under.port, lane, item, cut)))
  })
})
