import assert from 'node:assert/strict'
import { it } from 'node:test'
import { answer, fetchOnce, freePort, startUpstream, waitUntil } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'
import { conversationOf } from './fuzz/http2-conversations.ts'
import { fuzzSessions } from './fuzz/http2-session.ts'
import { RawClient } from './raw-client.ts'

const firstSeed = 9113
const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'

it('conversations that are nearly right mean the same wherever they are cut, and never a request that is none', () => {
  const { count, served, found } = fuzzSessions(firstSeed, (done) => done < 3000)
  assert.deepEqual(found, [], `seeds from ${firstSeed}`)
  assert.ok(served > count / 3, `only ${served} requests in ${count} conversations`)
})

it('a seed always makes the same conversation', () => {
  for (const seed of [1, 2, 3, firstSeed]) assert.deepEqual(conversationOf(seed), conversationOf(seed))
})

it('a worker is none the worse for a hundred of them', async (t) => {
  const upstream = await startUpstream(t, answer(200, 'fine'))
  const port = await freePort()
  const under = await startEdge(t, {
    listeners: { http: { address: `127.0.0.1:${port}`, h2c: true } },
    upstreams: { main: { endpoints: [{ url: upstream.url }] } },
    routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
  }, { port })
  const before = under.edge.workerPids
  for (let seed = firstSeed; seed < firstSeed + 100; seed++) {
    const { bytes } = conversationOf(seed)
    const client = await RawClient.connect(port)
    client.send(preface + bytes.toString('latin1'))
    // SETTINGS, which the server begins with, whatever comes.
    await waitUntil(() => client.text.length >= 9 || client.isClosed, { what: `something to come of seed ${seed}` })
    client.destroy()
  }
  assert.equal((await fetchOnce(`${under.url}/plain`)).status, 200)
  assert.deepEqual(under.edge.workerPids, before)
})
