import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { gzipSync } from 'node:zlib'
import { answer, fetchOnce, startUpstream, streamChunks, suiteCleanup, waitUntil, type FetchedResponse, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const json = { 'content-type': 'application/json' }
const chat = (tokens: number) => JSON.stringify({ choices: [{ message: { content: 'hello' } }], usage: { prompt_tokens: 10, completion_tokens: tokens - 10, total_tokens: tokens } })

describe('an edge of two workers counts the tokens of answers', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest

  before(async () => {
    upstream = await startUpstream(whole)
    under = await startEdge(whole, {
      upstreams: { models: { endpoints: [{ url: upstream.url }], retries: { attempts: 1 } } },
      routes: [{ name: 'chat', match: { path: '/chat' }, upstream: 'models', policies: [{ 'ai-tokens': { limit: 100, windowSeconds: 86_400, key: 'header:x-key' } }] }],
    }, { workers: 2 })
  })

  const ask = (key: string): Promise<FetchedResponse> => fetchOnce(`${under.url}/chat`, { headers: { 'x-key': key, 'accept-encoding': 'gzip, br' } })

  /** A failed answer costs nothing, and tells what is left beside the token that its request holds. */
  async function left(key: string, expected: number): Promise<void> {
    upstream.does(answer(500, '{}', json))
    await waitUntil(async () => Number((await ask(key)).headers['x-ratelimit-remaining']) === expected - 1, { what: `${expected} tokens to be left of ${key}` })
  }

  it('what an answer says it cost is taken from what is left; more than that is owed, and then it is 429', async () => {
    upstream.does(answer(200, chat(60), json))
    const first = await ask('a')
    assert.deepEqual([first.status, first.body, first.headers['x-ratelimit-limit'], first.headers['x-ratelimit-remaining']], [200, chat(60), '100', '99'])
    await left('a', 40)
    upstream.does(answer(200, chat(70), json))
    assert.equal((await ask('a')).status, 200)
    const refused = await waitUntil(async () => {
      const last = await ask('a')
      return last.status === 429 ? last : undefined
    })
    assert.equal(refused.json<{ error: { reason: string } }>().error.reason, 'policy.limit_exceeded')
    assert.ok(Number(refused.headers['retry-after']) > 0)
    assert.equal((await ask('b')).status, 200, 'another key has its own')
  })

  it('of a stream the last report counts, though it comes in pieces', async () => {
    const event = `data: {"choices":[],"usage":{"prompt_tokens":20,"completion_tokens":15,"total_tokens":35}}\n\n`
    const chunks = ['data: {"choices":[{"delta":{"content":"a"}}],"usage":null}\n\n', event.slice(0, 30), event.slice(30), 'data: [DONE]\n\n']
    upstream.does(streamChunks(chunks, { headers: { 'content-type': 'text/event-stream' } }))
    const streamed = await ask('stream')
    assert.deepEqual([streamed.status, streamed.body], [200, chunks.join('')])
    await left('stream', 65)
  })

  it('a client that leaves in the middle pays for what it was sent', async () => {
    upstream.does(({ response }) => void response.writeHead(200, { 'content-type': 'text/event-stream' }).write(`data: ${'x'.repeat(193)}\n`))
    const aborted = new AbortController()
    const response = await fetch(`${under.url}/chat`, { headers: { 'x-key': 'gone' }, signal: aborted.signal })
    await response.body!.getReader().read()
    aborted.abort()
    await left('gone', 50)
  })

  it('upstreams are asked not to pack answers; one that does all the same is counted by its bytes', async () => {
    const packed = gzipSync(chat(60))
    upstream.does(answer(200, packed, { ...json, 'content-encoding': 'gzip' }))
    assert.equal((await ask('packed')).status, 200)
    assert.equal(upstream.requests.at(-1)!.headers['accept-encoding'], 'identity')
    await left('packed', 100 - Math.ceil(packed.length / 4))
  })

  it('an answer that is the gateway\'s own costs nothing', async () => {
    upstream.does(({ response }) => void response.destroy())
    assert.equal((await ask('failed')).status, 502)
    await left('failed', 100)
  })
})
