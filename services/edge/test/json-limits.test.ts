import assert from 'node:assert/strict'
import { request } from 'node:http'
import { before, beforeEach, it } from 'node:test'
import { answer, fetchOnce, startUpstream, suiteCleanup, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let upstream: ScriptedUpstream

before(async () => {
  upstream = await startUpstream(whole, answer(200, 'taken'))
  under = await startEdge(whole, {
    upstreams: { up: { endpoints: [{ url: upstream.url }] } },
    routes: [
      { name: 'narrow', match: { path: '/narrow' }, upstream: 'up', policies: [{ 'request-limits': { json: { maxDepth: 8, maxKeys: 20, maxElements: 1000 } } }] },
      { name: 'wide', match: { path: '/wide' }, upstream: 'up' },
    ],
  } as never)
})
beforeEach(() => void (upstream.requests.length = 0))

const send = (path: string, body: string, type = 'application/json', headers = {}) => fetchOnce(`${under.url}${path}`, { method: 'POST', body, headers: { 'content-type': type, ...headers } })
const nested = (levels: number) => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

it('JSON within the limits reaches the upstream byte for byte', async () => {
  const body = ' {"a":[1,{"b":"]]]]]]]]]]]]"}], "c":"\\u00e9"}\n'
  assert.equal((await send('/narrow', body)).status, 200)
  assert.equal(upstream.requests[0]!.body.toString(), body)
})

it('JSON that is nested too deeply, holds too much or is none is refused in the format of all errors', async () => {
  for (const [body, reason] of [[nested(9), 'client.json_too_deep'], [JSON.stringify(Object.fromEntries(Array.from({ length: 21 }, (_, index) => [index, 1]))), 'client.json_too_large'], [JSON.stringify(Array(1001).fill(0)), 'client.json_too_large'], ["{'a':1}", 'client.json_malformed']] as const) {
    const response = await send('/narrow', body)
    const { error } = JSON.parse(response.body) as { error: { code: number; reason: string; request_id: string } }
    assert.deepEqual([response.status, error.code, error.reason, error.request_id], [400, 400, reason, response.headers['x-request-id']])
  }
  assert.equal((await send('/wide', nested(5000))).status, 200)
})

it('compressed JSON is refused, with what would have been taken', async () => {
  const response = await send('/narrow', 'x', 'application/json', { 'content-encoding': 'gzip' })
  assert.deepEqual([response.status, response.headers['accept-encoding']], [415, 'identity'])
  assert.equal(upstream.requests.length, 0)
})

it('a body in pieces is refused while it is on its way, and the upstream never gets the rest', async (t) => {
  const streaming = await startUpstream(t, { readBodies: false })
  await under.apply({ upstreams: { up: { endpoints: [{ url: streaming.url }] } }, routes: [{ name: 'narrow', match: { path: '/narrow' }, upstream: 'up', policies: [{ 'request-limits': { json: { maxDepth: 8 } } }] }] } as never)
  await under.edge.serving()
  const [begun, gone] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  let received = ''
  streaming.does(({ request: incoming }) => {
    incoming.on('data', (piece: Buffer) => {
      received += piece.toString()
      begun.resolve()
    })
    incoming.on('error', () => undefined).on('close', gone.resolve)
  })
  const outgoing = request(`${under.url}/narrow`, { method: 'POST', headers: { 'content-type': 'application/json' } })
  const answered = new Promise<number>((resolve, reject) => outgoing.on('error', reject).on('response', (response) => resolve(response.resume().statusCode!)))
  outgoing.write('{"begun":"yes"')
  await begun.promise
  outgoing.write(`,"deep":${nested(8)}`)
  assert.equal(await answered, 400)
  await gone.promise
  assert.equal(received, '{"begun":"yes"')
  outgoing.destroy()
})
