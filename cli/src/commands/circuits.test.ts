import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer } from '@sluice/testkit'
import { runCommand, startAdmin } from '../../test/run-command.ts'

const json = { 'content-type': 'application/json' }
const edge = (name: string, state: string, leftOut: string[] = []) => ({ edge: name, zone: '', state, workersOpen: 0, workersHalfOpen: 0, leftOut })

test('circuits are listed with the edges that leave an upstream alone, and endpoints left out', async (t) => {
  const items = [
    { name: 'orders', state: 'open', held: null, edges: [edge('e1', 'open'), edge('e2', 'half-open', ['http://a:1'])] },
    { name: 'users', state: 'closed', held: 'closed', edges: [edge('e1', 'closed')] },
  ]
  const { admin, environment } = await startAdmin(t, answer(200, JSON.stringify({ items, next: null }), json))
  const { code, stdout } = await runCommand(['circuits', 'list'], { environment })
  assert.equal(code, 0)
  assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/)), [
    ['UPSTREAM', 'CIRCUIT', 'HELD', 'NOT CLOSED ON', 'ENDPOINTS LEFT OUT'],
    ['orders', 'open', 'no', 'e1 (open), e2 (half-open)', 'http://a:1'],
    ['users', 'closed', 'yes', '-', '-'],
  ])
  assert.equal(admin.requests[0]?.url.startsWith('/v1/circuits?'), true)
  assert.deepEqual(JSON.parse((await runCommand(['circuits', 'list', '--json'], { environment })).stdout), { items })
})

test('where no circuit is known that is said', async (t) => {
  const { environment } = await startAdmin(t, answer(200, '{"items":[],"next":null}', json))
  assert.match((await runCommand(['circuits', 'list'], { environment })).stdout, /^no upstream has a circuit breaker/)
})

test('a circuit is held open or closed, and let go', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(200, '{"name":"users","held":"open"}', json))
  for (const [command, state, said] of [['open', 'open', /nothing is sent/], ['close', 'closed', /everything is sent/], ['automatic', 'automatic', /the edges decide/]] as const) {
    const run = await runCommand(['circuits', command, 'users'], { environment })
    assert.deepEqual([run.code, run.stderr], [0, ''])
    assert.match(run.stdout, said)
    const request = admin.requests.at(-1)!
    assert.deepEqual([`${request.method} ${request.url}`, JSON.parse(request.body.toString())], ['PUT /v1/circuits/users', { state }])
  }
})

test('an upstream that is not there is told as the admin API says it', async (t) => {
  const problem = { detail: 'There is no upstream "nobody"', reason: 'config.not_found' }
  const { environment } = await startAdmin(t, answer(404, JSON.stringify(problem), { 'content-type': 'application/problem+json' }))
  const { code, stderr } = await runCommand(['circuits', 'open', 'nobody'], { environment })
  assert.deepEqual([code, stderr], [1, 'sluice: There is no upstream "nobody" (config.not_found)\n'])
})
