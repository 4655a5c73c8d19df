// The commands against a gateway that runs: one of the embedded mode, started once for all tests of this file.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fetchOnce, freePorts, startProcess, waitUntil, type Cleanup, type RunningProcess } from '@sluice/testkit'
import { parse } from 'yaml'
import { runCommand, scratch, type CommandRun } from './run-command.ts'

const sluice = join(import.meta.dirname, '../../node_modules/.bin/sluice')
const endings: (() => unknown)[] = []
const file: Cleanup = { after: (end) => void endings.unshift(end as () => unknown) }
let directory = ''
let traffic = ''
let gateway: RunningProcess

function config(ports: readonly number[], limit = 100): string {
  return `version: 1
listeners: { http: { address: "127.0.0.1:${ports[0]}" } }
admin: { address: "127.0.0.1:${ports[1]}" }
telemetry: { metrics: { address: "127.0.0.1:${ports[2]}" } }
groups: [ { name: gold } ]
routes:
  - name: open
    match: { path: /open }
    policies: [ { rate-limit: { limit: ${limit}, key: ip } }, { fixed-response: { status: 200, body: open } } ]
  - name: closed
    match: { path: /closed }
    policies: [ { key-auth: {} }, { fixed-response: { status: 200, body: closed } } ]
consumers:
  - { name: acme, groups: [ gold ], credentials: [ { jwtSubject: acme } ] }
`
}

let ports: readonly number[] = []

before(async () => {
  directory = scratch(file)
  ports = await freePorts(3)
  traffic = `http://127.0.0.1:${ports[0]}`
  writeFileSync(join(directory, 'gateway.yaml'), config(ports))
  gateway = startProcess(file, sluice, ['run', '--workers', '1'], { cwd: directory })
  await gateway.waitForLine(/^ready in/, { timeoutMs: 60_000 })
})

after(async () => {
  for (const end of endings) await end()
})

/** A command in the gateway's folder: it finds address and token by itself. */
function run(...argv: string[]): Promise<CommandRun> {
  return runCommand(argv, { directory })
}

async function json<T>(...argv: string[]): Promise<T> {
  const { code, stdout, stderr } = await run(...argv, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as T
}

async function statusOf(path: string, key?: string): Promise<number> {
  return (await fetchOnce(traffic + path, { headers: key === undefined ? {} : { 'x-api-key': key } })).status
}

const headRevision = async () => (await json<{ head: { revision: number } }>('status')).head.revision

test('status tells the head, the edge that runs it and where the config came from', async () => {
  const { code, stdout } = await run('status')
  assert.equal(code, 0)
  assert.match(stdout, /^revision  1, from file at .* \(gateway\.yaml\)$/m)
  assert.match(stdout, /^edges     1\/1 live ones run it$/m)
  assert.match(stdout, /^file      .*gateway\.yaml: applied$/m)
  assert.match(stdout, /^\S+ +- +live +1 +1 +\d+\.\d+\.\d+ /m)
})

test('what export prints is no difference, and applying it makes no new revision', async () => {
  const revision = await headRevision()
  const { code, stdout } = await run('export')
  assert.equal(code, 0)
  assert.deepEqual((parse(stdout) as { consumers: unknown }).consumers, [{ name: 'acme', groups: ['gold'], credentials: [{ jwtSubject: 'acme' }] }])
  writeFileSync(join(directory, 'exported.yml'), stdout)
  const named = ['-c', join(directory, 'exported.yml'), '--data-dir', join(directory, '.sluice')]
  const world = { directory, environment: { SLUICE_ADMIN_URL: `http://127.0.0.1:${ports[1]}` } }
  assert.deepEqual(await runCommand(['diff', ...named], world), { code: 0, stdout: 'no differences\n', stderr: '' })
  assert.equal((await runCommand(['apply', ...named, '--wait'], world)).code, 0)
  assert.equal(await headRevision(), revision)
})

test('diff, apply, revisions and rollback follow one change there and back', async () => {
  const before = await headRevision()
  const changed = join(directory, 'changed')
  writeFileSync(changed, config(ports, 7))
  const limit = async () => (await fetchOnce(`${traffic}/open`)).headers['x-ratelimit-limit']
  const diff = await run('diff', '-c', changed, '--data-dir', join(directory, '.sluice'))
  assert.deepEqual([diff.code, diff.stderr], [2, ''])
  assert.match(diff.stdout, /^~ routes\/open\n    ~ \/policies\/0\/rate-limit\/limit: 100 → 7\n    as it is since revision \d+, from \w+ at 20\S+ by \w+ \(.*\)\n$/)
  const applied = await run('apply', '-c', changed, '--data-dir', join(directory, '.sluice'), '--wait')
  assert.match(applied.stdout, new RegExp(`^revision ${before + 1}: 1/1 edges effective in \\d+ ms\n$`))
  assert.equal(await limit(), '7')
  const back = await run('rollback', String(before), '--wait')
  assert.match(back.stdout, new RegExp(`^revision ${before + 2}: 1/1 edges effective in \\d+ ms\n$`))
  assert.equal(await limit(), '100')
  const { stdout } = await run('revisions', '--limit', '2')
  assert.match(stdout, new RegExp(`\n${before + 2} .* rollback .* back to revision ${before}\n${before + 1} .* api .*\n$`))
})

test('a key works once it is made, and no more once it is revoked', async () => {
  const { id, key } = await json<{ id: string; key: string }>('keys', 'create', 'acme')
  await waitUntil(async () => (await statusOf('/closed', key)) === 200, { what: 'the key to be known' })
  assert.match((await run('keys', 'list', 'acme')).stdout, new RegExp(`^${id} +never$`, 'm'))
  assert.deepEqual(await run('keys', 'revoke', 'acme', id), { code: 0, stdout: `key ${id} of acme is revoked on every edge\n`, stderr: '' })
  assert.equal(await statusOf('/closed', key), 401)
})

test('a key of a config file made by keys hash works', async () => {
  const { hash } = JSON.parse((await runCommand(['keys', 'hash', '--json'], { input: 'a-secret-of-my-own' })).stdout) as { hash: string }
  const withKey = join(directory, 'with-key')
  writeFileSync(withKey, `${config(ports)}  - { name: own, credentials: [ { apiKey: { id: own1, hash: "${hash}" } } ] }\n`)
  assert.equal((await run('apply', '-c', withKey, '--data-dir', join(directory, '.sluice'), '--wait')).code, 0)
  assert.equal(await statusOf('/closed', 'sk_own1_a-secret-of-my-own'), 200)
  assert.equal(await statusOf('/closed', 'sk_own1_another-secret'), 401)
  assert.match((await run('consumers')).stdout, /^own +- +- +1$/m)
})

test('a configuration with problems is refused with their lines, and what runs stays', async () => {
  const revision = await headRevision()
  const wrong = join(directory, 'wrong')
  writeFileSync(wrong, config(ports).replace('key-auth', 'key-aut'))
  const { code, stderr } = await run('apply', '-c', wrong, '--data-dir', join(directory, '.sluice'))
  assert.equal(code, 1)
  assert.match(stderr, new RegExp(`^${wrong}:12:28: .*"key-aut".*"key-auth"`, 'm'))
  assert.equal(await headRevision(), revision)
})

test('rolling back to a revision that never was is one clear line', async () => {
  const { code, stderr } = await run('rollback', '999')
  assert.equal(code, 1)
  assert.match(stderr, /^sluice: .*999.* \(config\.not_found\)\n$/)
})
