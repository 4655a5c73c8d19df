// PX10
import assert from 'node:assert/strict'
import { connect } from 'node:net'
import { answer, afterPromise, startUpstream, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import type { Edge } from '../modes/system.ts'
import type { Case } from './case.ts'

/** Asks, leaves once the upstream has the request, and returns what the upstream has recorded. */
async function askAndLeave(edge: Edge, upstream: ScriptedUpstream, path: string) {
  const before = upstream.requests.length
  const { hostname, port } = new URL(edge.url)
  const socket = connect(Number(port), hostname)
  socket.on('error', () => {})
  socket.write(`GET ${path} HTTP/1.1\r\nHost: a.test\r\n\r\n`)
  await waitUntil(() => upstream.requests.length > before, { what: 'the request at the upstream' })
  socket.destroy()
  return upstream.requests[before]!
}

function lineFor(edge: Edge, requestId: unknown) {
  return waitUntil(async () => (await edge.accessLog()).find((line) => line.requestId === requestId), { what: 'the line in the access log' })
}

export const clientAbort: Case = {
  name: 'a client that leaves ends its exchange',
  async run(system, t) {
    const gate = Promise.withResolvers<void>()
    const upstream = await startUpstream(t)
    t.after(() => gate.resolve())
    const route = (name: string, more: object) => ({ name, match: { path: `/${name}` }, upstream: 'slow', ...more })
    await system.apply({ upstreams: { slow: { endpoints: [{ url: upstream.url }] } }, routes: [route('cancel', {}), route('continue', { onClientAbort: 'continue' })] })

    await t.test('the upstream exchange ends at once; the log says 499, and the endpoint is not blamed', async () => {
      upstream.does(() => new Promise<void>(() => {}))
      for (const edge of system.edges) {
        const record = await askAndLeave(edge, upstream, '/cancel')
        assert.equal(await record.done, false, 'the connection to the upstream was given up')
        const line = await lineFor(edge, record.headers['x-request-id'])
        assert.deepEqual([line.status, line.reason, line.endpoint], [499, 'client.aborted', upstream.url])
      }
      upstream.does(answer(200, 'well'))
      assert.equal(await bodyOf(system, '/cancel'), 'well', 'its only endpoint still takes requests')
    })

    await t.test('onClientAbort: continue lets the upstream finish', async () => {
      upstream.does(afterPromise(gate.promise, answer(200, 'done')))
      const edge = system.edges[0]!
      const record = await askAndLeave(edge, upstream, '/continue')
      const line = await lineFor(edge, record.headers['x-request-id'])
      assert.equal(line.status, 499)
      gate.resolve()
      assert.equal(await record.done, true)
    })
  },
}
