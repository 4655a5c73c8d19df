import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer } from '@sluice/testkit'
import { runCommand, startAdmin } from '../../test/run-command.ts'

const json = { 'content-type': 'application/json' }
const expiresAt = '2030-01-01T00:00:00.000Z'
const issuer = 'https://id.example'

test('a token is revoked by its jti, and every edge is waited for', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(201, JSON.stringify({ version: 4, issuer, jti: 'a', expiresAt }), json))
  const before = Date.now()
  const run = await runCommand(['revoke', 'token', 'a', '--issuer', issuer, '--ttl', '1h'], { environment })
  assert.deepEqual(run, { code: 0, stdout: `the token a is refused on every edge until ${expiresAt}\n`, stderr: '' })
  const [request] = admin.requests
  assert.equal(`${request?.method} ${request?.url}`, 'POST /v1/revocations?wait=all')
  const { expiresAt: until, ...body } = JSON.parse(request?.body.toString() ?? '') as { expiresAt: string }
  assert.deepEqual(body, { issuer, jti: 'a' })
  assert.ok(Date.parse(until) >= before + 3_600_000 && Date.parse(until) <= Date.now() + 3_600_000)
})

test('tokens of a subject are revoked from before an instant', async (t) => {
  const issuedBefore = '2027-01-31T00:00:00.000Z'
  const { admin, environment } = await startAdmin(t, answer(201, JSON.stringify({ version: 4, issuer: '', subject: 'alice', issuedBefore, expiresAt }), json))
  const run = await runCommand(['revoke', 'subject', 'alice', '--issued-before', '2027-01-31T01:00:00+01:00'], { environment })
  assert.deepEqual(run, { code: 0, stdout: `tokens of alice from before ${issuedBefore} are refused on every edge until ${expiresAt}\n`, stderr: '' })
  assert.deepEqual(JSON.parse(admin.requests[0]?.body.toString() ?? ''), { subject: 'alice', issuedBefore })
})

test('an edge that has not confirmed it is a failure', async (t) => {
  const { environment } = await startAdmin(t, answer(202, JSON.stringify({ version: 4, issuer, jti: 'a', expiresAt }), json))
  for (const command of [['token', 'a'], ['lift', '--token', 'a']]) {
    const { code, stderr } = await runCommand(['revoke', ...command], { environment })
    assert.deepEqual([code, /not every edge has confirmed it yet/.test(stderr)], [1, true])
  }
})

test('what is revoked is listed', async (t) => {
  const items = [{ issuer, jti: 'a', expiresAt }, { issuer: '', subject: 'alice', issuedBefore: '2027-01-31T00:00:00.000Z', expiresAt }]
  const { environment } = await startAdmin(t, answer(200, JSON.stringify({ items, next: null }), json))
  const { stdout } = await runCommand(['revoke', 'list'], { environment })
  assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.split(/ {2,}/)), [
    ['ISSUER', 'TOKEN', 'SUBJECT', 'ISSUED BEFORE', 'UNTIL'],
    [issuer, 'a', '-', '-', expiresAt],
    ['-', '-', 'alice', '2027-01-31T00:00:00.000Z', expiresAt],
  ])
})

test('a revocation is lifted of one or the other', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(200, '{"version":5}', json))
  const run = await runCommand(['revoke', 'lift', '--issuer', issuer, '--subject', 'alice'], { environment })
  assert.deepEqual(run, { code: 0, stdout: 'tokens of alice may pass again on every edge\n', stderr: '' })
  const { searchParams, pathname } = new URL(admin.requests[0]?.url ?? '', 'http://admin')
  assert.deepEqual([admin.requests[0]?.method, pathname, searchParams.get('issuer'), searchParams.get('subject'), searchParams.has('jti')], ['DELETE', '/v1/revocations', issuer, 'alice', false])
  for (const wrong of [[], ['--token', 'a', '--subject', 'b']]) assert.equal((await runCommand(['revoke', 'lift', ...wrong], { environment })).code, 1)
  assert.equal((await runCommand(['revoke', 'subject', 'a', '--issued-before', 'soon'], { environment })).code, 1)
})
