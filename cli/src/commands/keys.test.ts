import assert from 'node:assert/strict'
import { test } from 'node:test'
import { answer } from '@sluice/testkit'
import { createVerifier } from '@sluice/verifier'
import { runCommand, startAdmin } from '../../test/run-command.ts'

const json = { 'content-type': 'application/json' }

test('a key that is made stands alone on stdout, ready for a header', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(201, '{"id":"k7f3","key":"sk_k7f3_secret","version":4}', json))
  const run = await runCommand(['keys', 'create', 'acme'], { environment })
  assert.deepEqual(run, { code: 0, stdout: 'sk_k7f3_secret\n', stderr: 'key k7f3 of acme, for ever; it cannot be shown again\n' })
  const [request] = admin.requests
  assert.equal(`${request?.method} ${request?.url}`, 'POST /v1/consumers/acme/credentials')
  assert.deepEqual(JSON.parse(request?.body.toString() ?? ''), { apiKey: {} })
})

test('a key with --ttl ends when it should', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(201, '{"id":"k7f3","key":"sk_k7f3_secret"}', json))
  const before = Date.now()
  const run = await runCommand(['keys', 'create', 'acme', '--ttl', '1h', '--json'], { environment })
  const { apiKey } = JSON.parse(admin.requests[0]?.body.toString() ?? '') as { apiKey: { expiresAt: string } }
  const end = Date.parse(apiKey.expiresAt)
  assert.ok(end >= before + 3_600_000 && end <= Date.now() + 3_600_000)
  assert.deepEqual(JSON.parse(run.stdout), { id: 'k7f3', key: 'sk_k7f3_secret', expiresAt: apiKey.expiresAt })
})

test('the keys of a consumer are listed without their hashes', async (t) => {
  const consumer = { name: 'acme', credentials: [{ apiKey: { id: 'k1', hash: '$argon2id$x' } }, { jwtSubject: 'acme' }, { apiKey: { id: 'k2', hash: '$argon2id$y', expiresAt: '2030-01-01T00:00:00Z' } }] }
  const { environment } = await startAdmin(t, answer(200, JSON.stringify(consumer), json))
  assert.equal((await runCommand(['keys', 'list', 'acme'], { environment })).stdout, 'ID  EXPIRES\nk1  never\nk2  2030-01-01T00:00:00Z\n')
  const asJson = await runCommand(['keys', 'list', 'acme', '--json'], { environment })
  assert.deepEqual(JSON.parse(asJson.stdout), { items: [{ id: 'k1', expiresAt: null }, { id: 'k2', expiresAt: '2030-01-01T00:00:00Z' }] })
})

test('revoking waits until every edge has forgotten the key', async (t) => {
  const { admin, environment } = await startAdmin(t, answer(200, '{"version":9}', json))
  const run = await runCommand(['keys', 'revoke', 'acme', 'k7f3'], { environment })
  assert.deepEqual({ code: run.code, stdout: run.stdout }, { code: 0, stdout: 'key k7f3 of acme is revoked on every edge\n' })
  assert.equal(`${admin.requests[0]?.method} ${admin.requests[0]?.url}`, 'DELETE /v1/consumers/acme/credentials/k7f3?wait=all')
})

test('a revocation that an edge has not confirmed is a failure', async (t) => {
  const { environment } = await startAdmin(t, answer(202, '{"version":9}', json))
  const run = await runCommand(['keys', 'revoke', 'acme', 'k7f3'], { environment })
  assert.equal(run.code, 1)
  assert.match(run.stderr, /is revoked, but not every edge has confirmed it yet/)
})

test('a consumer that is not there is the admin API\'s own sentence', async (t) => {
  const problem = { title: 'There is no such resource', status: 404, detail: 'There is no consumer nobody', reason: 'config.not_found' }
  const { environment } = await startAdmin(t, answer(404, JSON.stringify(problem), { 'content-type': 'application/problem+json' }))
  const run = await runCommand(['keys', 'create', 'nobody'], { environment })
  assert.deepEqual(run, { code: 1, stdout: '', stderr: 'sluice: There is no consumer nobody (config.not_found)\n' })
})

test('a hashed secret verifies, whether it came with a line end or as a whole key', async (t) => {
  const verifier = createVerifier()
  t.after(() => verifier.close())
  for (const input of ['s3cret', 's3cret\n', 's3cret\r\n', 'sk_k7f3_s3cret\n']) {
    const run = await runCommand(['keys', 'hash'], { input })
    assert.equal(run.code, 0)
    assert.match(run.stdout, /^\$argon2id\$.*\n$/)
    assert.ok(await verifier.verifyPassword(run.stdout.trim(), 's3cret'), JSON.stringify(input))
    assert.equal(run.stderr.includes('this is a whole key'), input.startsWith('sk_'))
  }
})

test('nothing, or several lines, are no secret', async () => {
  for (const input of ['', '\n', 'a\nb\n']) {
    const run = await runCommand(['keys', 'hash'], { input })
    assert.equal(run.code, 1)
    assert.equal(run.stdout, '')
  }
})
