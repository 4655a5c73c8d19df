import assert from 'node:assert/strict'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { answer, freePort } from '@sluice/testkit'
import { runCommand, scratch, startAdmin } from '../test/run-command.ts'

const json = { 'content-type': 'application/json' }
const noConsumers = answer(200, '{"items":[],"next":null}', json)

test('the token and the address of the environment are used', async (t) => {
  const { admin, environment } = await startAdmin(t, noConsumers)
  const run = await runCommand(['consumers'], { environment })
  assert.equal(run.code, 0)
  assert.equal(admin.requests[0]?.headers.authorization, 'Bearer the-token')
})

test('without an environment the address comes from the config file and the token from the data directory beside it', async (t) => {
  const { admin } = await startAdmin(t, noConsumers)
  const directory = scratch(t)
  writeFileSync(join(directory, 'gateway.yaml'), `version: 1\nadmin: { address: "127.0.0.1:${admin.port}" }\n`)
  mkdirSync(join(directory, '.sluice'))
  writeFileSync(join(directory, '.sluice/admin-token'), 'kept-token\n')
  assert.equal((await runCommand(['consumers'], { directory })).code, 0)
  assert.equal((await runCommand(['consumers', '-c', join(directory, 'gateway.yaml')])).code, 0)
  assert.deepEqual(admin.requests.map((request) => request.headers.authorization), ['Bearer kept-token', 'Bearer kept-token'])
})

test('a gateway that does not run is named with its address and what to start', async () => {
  const url = `http://127.0.0.1:${await freePort()}`
  const run = await runCommand(['status'], { environment: { SLUICE_ADMIN_URL: url, SLUICE_ADMIN_TOKEN: 'x' } })
  assert.equal(run.code, 1)
  assert.equal(run.stderr, `sluice: the admin API at ${url} cannot be reached (connection refused); is the gateway running? Start it with "sluice run", or set SLUICE_ADMIN_URL\n`)
})

test('a missing token file is named, with the ways to give one', async (t) => {
  const directory = scratch(t)
  const run = await runCommand(['status'], { directory })
  assert.equal(run.code, 1)
  assert.ok(run.stderr.includes(join(directory, '.sluice/admin-token')))
  assert.match(run.stderr, /--data-dir, or set SLUICE_ADMIN_TOKEN\n$/)
})

test('a refused token is said so and never shown', async (t) => {
  const problem = { title: 'A valid admin token is needed', status: 401, reason: 'admin.unauthenticated' }
  const { environment } = await startAdmin(t, answer(401, JSON.stringify(problem), { 'content-type': 'application/problem+json' }))
  const run = await runCommand(['status'], { environment })
  assert.equal(run.code, 1)
  assert.match(run.stderr, /refused the token of SLUICE_ADMIN_TOKEN/)
  assert.ok(!run.stderr.includes('the-token'))
})

test('a server that is no admin API is recognised', async (t) => {
  const { environment } = await startAdmin(t, answer(404, 'not here', { 'content-type': 'text/plain' }))
  const run = await runCommand(['status'], { environment })
  assert.equal(run.code, 1)
  assert.match(run.stderr, /answered 404, not as an admin API does; is SLUICE_ADMIN_URL right\?/)
})

test('a token does not leave this machine in clear unless that is allowed', async () => {
  const environment = { SLUICE_ADMIN_URL: 'http://192.0.2.1:8001', SLUICE_ADMIN_TOKEN: 'x' }
  const run = await runCommand(['status'], { environment })
  assert.equal(run.code, 1)
  assert.match(run.stderr, /SLUICE_ADMIN_URL: http:\/\/192\.0\.2\.1:8001 would be used without encryption/)
})

test('an address that is no URL is refused before anything is sent', async () => {
  const run = await runCommand(['status'], { environment: { SLUICE_ADMIN_URL: 'localhost:8001', SLUICE_ADMIN_TOKEN: 'x' } })
  assert.equal(run.code, 1)
  assert.match(run.stderr, /SLUICE_ADMIN_URL is no URL of an admin API/)
})

test('a list of several pages is read to its end', async (t) => {
  const { admin, environment } = await startAdmin(t, ({ record, response }) => {
    const isSecond = record.url.includes('cursor=next-page')
    const page = isSecond ? { items: [{ name: 'b' }], next: null } : { items: [{ name: 'a', groups: ['gold'], plan: 'free' }], next: 'next-page' }
    response.writeHead(200, json).end(JSON.stringify(page))
  })
  const run = await runCommand(['consumers'], { environment })
  assert.equal(run.stdout, 'NAME  GROUPS  PLAN  CREDENTIALS\na     gold    free  0\nb     -       -     0\n')
  assert.equal(admin.requests.length, 2)
})
