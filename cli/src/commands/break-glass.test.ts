import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer } from '@sluice/testkit'
import { runCommand, startAdmin } from '../../test/run-command.ts'

const json = { 'content-type': 'application/json' }
const until = '2030-01-01T00:00:00.000Z'
const order = { id: 'a1b2', order: { action: 'disable-route', route: 'get-user' }, summary: 'disable route get-user', madeBy: 'anna', until, note: '', state: 'in force', edges: ['e1'] }
const receipt = (missing: string[]) => ({ edges: { acknowledged: 1, expected: 1 + missing.length, missing } })

test('an order is given, and every edge is waited for', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(201, JSON.stringify({ ...order, receipt: receipt([]) }), json))
  const run = await runCommand(['break-glass', 'disable-route', 'get-user', '--for', '2h', '--note', 'it burns'], { environment })
  assert.deepEqual(run, { code: 0, stdout: `order a1b2: disable route get-user, until ${until}; 1 of 1 edges obey it\n`, stderr: '' })
  const [request] = admin.requests
  assert.equal(`${request?.method} ${request?.url}`, 'POST /v1/break-glass?wait=all')
  assert.deepEqual(JSON.parse(request?.body.toString() ?? ''), { order: { action: 'disable-route', route: 'get-user' }, forSeconds: 7200, note: 'it burns' })
})

test('each order of the list has its command', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(201, JSON.stringify({ ...order, receipt: receipt([]) }), json))
  const commands: [string[], object][] = [
    [['drain', 'users'], { action: 'drain', upstream: 'users' }],
    [['drain', 'users', 'http://a:1'], { action: 'drain', upstream: 'users', endpoint: 'http://a:1' }],
    [['weight', 'users', 'http://a:1', '0.5'], { action: 'weight', upstream: 'users', endpoint: 'http://a:1', weight: 0.5 }],
    [['block-address', '192.0.2.0/24'], { action: 'block-address', address: '192.0.2.0/24' }],
    [['block-consumer', 'acme'], { action: 'block-consumer', consumer: 'acme' }],
    [['block-credential', 'k7', '--force'], { action: 'block-credential', credential: 'k7' }],
  ]
  for (const [args, wanted] of commands) {
    assert.equal((await runCommand(['break-glass', ...args], { environment })).code, 0)
    assert.deepEqual(JSON.parse(admin.requests.at(-1)!.body.toString()), { order: wanted })
  }
  assert.equal(admin.requests.at(-1)!.url, '/v1/break-glass?wait=all&force=true')
})

test('edges that have not confirmed an order are named, and the exit code says so', async (t) => {
  const { environment } = await startAdmin(t, answer(202, JSON.stringify({ ...order, receipt: receipt(['e2']) }), json))
  for (const args of [['disable-route', 'get-user'], ['end', 'a1b2']]) {
    const { code, stderr } = await runCommand(['break-glass', ...args], { environment })
    assert.equal(code, 1)
    assert.match(stderr, /not confirmed it yet: e2/)
  }
})

test('orders are listed with who ended them', async (t) => {
  const { environment } = await startAdmin(t, answer(200, JSON.stringify({ items: [order, { ...order, id: 'c3', endedBy: 'revision 7', state: 'ended', edges: [] }], next: null }), json))
  const { stdout } = await runCommand(['break-glass', 'list'], { environment })
  assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.trimEnd().split(/ {2,}/)), [
    ['ID', 'ORDER', 'STATE', 'BY', 'UNTIL', 'EDGES', 'NOTE'],
    ['a1b2', 'disable route get-user', 'in force', 'anna', until, '1', '-'],
    ['c3', 'disable route get-user', 'ended by revision 7', 'anna', until, '0', '-'],
  ])
})
