import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { answer, fetchOnce, startUpstream, streamChunks, waitUntil, type Reply } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'

const routes = [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }]
const forwardTo = (url: string, drainSeconds = 30) => ({ upstreams: { main: { endpoints: [{ url }], drainSeconds } }, routes })

/** Begins a response and ends it when the gate opens. */
function halfAnswer(gate: Promise<void>) {
  return async ({ response }: Reply) => {
    response.writeHead(200)
    response.write('first, ')
    await gate
    response.end('last')
  }
}

for (const engine of ['node', 'own'] as const) describe(`an endpoint that is taken out, engine ${engine}`, () => {
  it('finishes what is open and takes nothing new', async (t) => {
    const gate = Promise.withResolvers<void>()
    const [before, after] = [await startUpstream(t, halfAnswer(gate.promise)), await startUpstream(t, answer(200, 'after'))]
    const under = await startEdge(t, forwardTo(before.url), { engine })
    const running = fetchOnce(under.url)
    await waitUntil(() => before.requests.length === 1)
    await under.apply(forwardTo(after.url))
    for (let time = 0; time < 5; time++) assert.equal((await fetchOnce(under.url)).body, 'after')
    gate.resolve()
    assert.equal((await running).body, 'first, last')
    assert.equal(before.requests.length, 1)
    await waitUntil(() => before.connections.open === 0)
  })

  it('is cut off when drainSeconds are over, and the client sees that the response is short', async (t) => {
    const [before, after] = [await startUpstream(t, streamChunks(Array<string>(1000).fill('piece'), { everyMs: 50 })), await startUpstream(t, answer(200, 'after'))]
    const under = await startEdge(t, forwardTo(before.url, 1), { engine })
    const running = fetchOnce(under.url, { timeoutMs: 20_000 }).then(() => 'whole', () => 'cut')
    await waitUntil(() => before.requests.length === 1)
    const since = performance.now()
    await under.apply(forwardTo(after.url, 1))
    assert.equal(await running, 'cut')
    assert.ok(performance.now() - since >= 900, 'not before its time')
    await waitUntil(() => before.connections.open === 0)
  })
})
