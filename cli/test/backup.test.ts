// Backups of a gateway that runs, and what is restored from them after its store is gone.
import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createHmac } from 'node:crypto'
import { after, before, test } from 'node:test'
import { openCredentialStore } from '@sluice/credential-stores'
import type { CredentialStore } from '@sluice/credential-stores/credential-store'
import { openingSettingsOf, readSettings, storeSettings } from '@sluice/service-kit'
import { z } from 'zod'
import { fetchOnce, freePorts, startProcess, waitUntil, type Cleanup, type RunningProcess } from '@sluice/testkit'
import { runCommand, scratch, type CommandRun } from './run-command.ts'

const sluice = join(import.meta.dirname, '../../node_modules/.bin/sluice')
const endings: (() => unknown)[] = []
const file: Cleanup = { after: (end) => void endings.unshift(end as () => unknown) }
const secretText = 'the-value-behind-a-reference'
const tokenSecret = 'a-secret-of-at-least-thirty-two-bytes'
/** As when its browser logs out. */
const endedSession = { name: `session:${'a'.repeat(43)}`, beforeMs: Date.now(), untilMs: Date.now() + 3_600_000 }
let directory = ''
let ports: readonly number[] = []
let gateway: RunningProcess
let key = ''
/** An instant between the two changes that follow the first backup. */
let between = ''

before(async () => {
  directory = scratch(file)
  await inStore((store) => store.revoke('default', [endedSession]))
  ports = await freePorts(3)
  writeFileSync(join(directory, 'gateway.yaml'), `version: 1
listeners: { http: { address: "127.0.0.1:${ports[0]}" } }
admin: { address: "127.0.0.1:${ports[1]}" }
telemetry: { metrics: { address: "127.0.0.1:${ports[2]}" } }
routes:
  - { name: closed, match: { path: /closed }, policies: [ { key-auth: {} }, { fixed-response: { body: "env:SECRET_BODY" } } ] }
  - { name: tokens, match: { path: /tokens }, policies: [ { jwt: { issuer: "https://id.example", keys: [ { kid: one, secret: "${tokenSecret}", alg: HS256 } ] } }, { fixed-response: { body: in } } ] }
consumers: [ { name: acme } ]
`)
  await start()
})

after(async () => {
  for (const end of endings) await end()
})

async function start(): Promise<void> {
  gateway = startProcess(file, sluice, ['run', '--workers', '1'], { cwd: directory, env: { SECRET_BODY: secretText } })
  await gateway.waitForLine(/^ready in/, { timeoutMs: 60_000 })
}

/** The gateway's own store, while it does not run. */
async function inStore<T>(work: (store: CredentialStore) => Promise<T>): Promise<T> {
  const dataDirectory = join(directory, '.sluice')
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  const store = await openCredentialStore('embedded', openingSettingsOf(readSettings(z.object(storeSettings), {}), dataDirectory), {})
  try {
    return await work(store)
  } finally {
    await store.close()
  }
}

async function stop(): Promise<void> {
  gateway.signal('SIGTERM')
  await gateway.exited
}

const run = (...argv: string[]): Promise<CommandRun> => runCommand(argv, { directory, environment: { SECRET_BODY: secretText } })

async function json<T>(...argv: string[]): Promise<T> {
  const { code, stdout, stderr } = await run(...argv, '--json')
  assert.equal(code, 0, stderr)
  return JSON.parse(stdout) as T
}

async function admin(method: string, path: string, body?: object): Promise<string> {
  const token = readFileSync(join(directory, '.sluice/admin-token'), 'utf8').trim()
  const answer = await fetchOnce(`http://127.0.0.1:${ports[1]}${path}`, { method, headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) })
  assert.ok(answer.status < 300, answer.body)
  return answer.body
}

/** The edge's own copy of what is revoked as well: it would hide what a backup lacks. */
function destroyStores(): void {
  for (const name of readdirSync(join(directory, '.sluice'))) if (name.includes('.sqlite')) rmSync(join(directory, '.sluice', name))
  rmSync(join(directory, '.sluice/edge/revoked-tokens.json'))
}

const put = (name: string, body: string) => admin('PUT', `/v1/routes/${name}?wait=all`, { match: { path: `/${name}` }, policies: [{ 'fixed-response': { body } }] })
const whole = async () => JSON.parse(await admin('GET', '/v1/config')) as object
const history = async () => (JSON.parse(await admin('GET', '/v1/revisions?limit=500')) as { items: { revision: number }[] }).items
const bodyOf = async (path: string) => (await fetchOnce(`http://127.0.0.1:${ports[0]}${path}`, { headers: { 'x-api-key': key } })).body

/** A token of the issuer that the route knows (RFC 7515 §3.1). */
function tokenOf(jti: string, sub: string): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const signed = `${part({ alg: 'HS256', kid: 'one' })}.${part({ iss: 'https://id.example', sub, jti, iat: now - 60, exp: now + 3600 })}`
  return `${signed}.${createHmac('sha256', tokenSecret).update(signed).digest('base64url')}`
}

const statusWith = async (jti: string, sub: string) => (await fetchOnce(`http://127.0.0.1:${ports[0]}/tokens`, { headers: { authorization: `Bearer ${tokenOf(jti, sub)}` } })).status
/** A token that is good, one that was revoked, and one of a subject whose tokens were. */
const statuses = async () => [await statusWith('good', 'anna'), await statusWith('stolen', 'anna'), await statusWith('any', 'mallory')]

interface Taken {
  readonly file: string
  readonly kind: string
  readonly revision: number
  readonly revisions: number
  readonly consumers: number
}

/** The state that the last backup has. */
let last: { config: object; history: object[] }

test('the first backup is a full one, the next holds what came since', async () => {
  key = (await json<{ key: string }>('keys', 'create', 'acme')).key
  await put('a', 'first')
  const full = await json<Taken>('backup', '--to', 'backups')
  assert.deepEqual([full.kind, full.revision, full.revisions, full.consumers], ['full', 2, 2, 1])
  await put('a', 'second')
  await admin('PUT', '/v1/consumers/late', { groups: [] })
  between = new Date(Date.now() + 1).toISOString()
  await waitUntil(() => Date.now() > Date.parse(between) + 1)
  await put('a', 'third')
  await admin('DELETE', '/v1/consumers/late')
  await admin('PUT', '/v1/consumers/latest', { groups: [] })
  const next = await json<Taken>('backup', '--to', 'backups')
  assert.deepEqual([next.kind, next.revision, next.revisions, next.consumers], ['incremental', 4, 2, 2])
  await admin('POST', '/v1/revocations', { issuer: 'https://issuer.test', jti: 'of nobody we know' })
  const nothing = await json<Taken>('backup', '--to', 'backups')
  assert.deepEqual([nothing.kind, nothing.revisions, nothing.consumers], ['incremental', 0, 0])
  last = { config: await whole(), history: await history() }
})

test('a backup has the tokens that are revoked', async () => {
  assert.deepEqual(await statuses(), [200, 200, 200])
  await run('revoke', 'token', 'stolen', '--issuer', 'https://id.example')
  await run('revoke', 'token', 'pardoned', '--issuer', 'https://id.example')
  await run('revoke', 'subject', 'mallory', '--issuer', 'https://id.example')
  assert.equal((await json<Taken & { revocations: number }>('backup', '--to', 'backups')).revocations, 4, 'one is from before')
  await run('revoke', 'lift', '--token', 'pardoned', '--issuer', 'https://id.example')
  assert.deepEqual(await statuses(), [200, 401, 401])
  const { revocations, sessions } = await json<Taken & { revocations: number; sessions: number }>('backup', '--to', 'backups')
  assert.deepEqual([revocations, sessions], [3, 2], 'the sessions of a revoked subject, and one that was ended by itself')
})

test('a full one is taken when it is time, and on demand', async () => {
  assert.equal((await json<Taken>('backup', '--to', 'other', '--full')).kind, 'full')
  assert.equal((await json<Taken>('backup', '--to', 'other', '--full-every', '1h')).kind, 'incremental')
  await waitUntil(async () => (await json<Taken>('backup', '--to', 'other', '--full-every', '1s')).kind === 'full')
})

test('no backup holds the value of a reference, or can be read by others', () => {
  for (const name of readdirSync(join(directory, 'backups'))) {
    const path = join(directory, 'backups', name)
    assert.equal(statSync(path).mode & 0o077, 0)
    assert.ok(!readFileSync(path).includes(secretText))
  }
})

test('an encrypted backup is read with its key only, and tells nothing without it', async () => {
  writeFileSync(join(directory, 'key'), 'k'.repeat(64))
  writeFileSync(join(directory, 'wrong-key'), 'w'.repeat(64))
  writeFileSync(join(directory, 'short-key'), 'short\n')
  assert.match((await run('backup', '--to', 'sealed', '--key-file', 'short-key')).stderr, /short-key holds 5 bytes; expected at least 32/)
  const { file: path } = await json<Taken>('backup', '--to', 'sealed', '--key-file', 'key')
  assert.ok(!readFileSync(path).includes('acme'))
  assert.equal((await run('restore', '--from', 'sealed', '--check', '--key-file', 'key')).code, 0)
  assert.match((await run('restore', '--from', 'sealed', '--check')).stderr, /is encrypted; name its key with --key-file/)
  assert.match((await run('restore', '--from', 'sealed', '--check', '--key-file', 'wrong-key')).stderr, /damaged, or the key is another one/)
})

test('a damaged, shortened or missing file is told, and nothing is restored', async () => {
  const names = readdirSync(join(directory, 'backups')).toSorted()
  const broken = async (harm: (folder: string) => void): Promise<string> => {
    const folder = join(directory, 'broken')
    rmSync(folder, { recursive: true, force: true })
    mkdirSync(folder)
    for (const name of names) copyFileSync(join(directory, 'backups', name), join(folder, name))
    harm(folder)
    const { code, stderr } = await run('restore', '--from', folder, '--data-dir', 'never-made')
    assert.equal(code, 1)
    return stderr
  }
  const second = names[1]!
  assert.match(await broken((folder) => writeFileSync(join(folder, second), readFileSync(join(folder, second)).subarray(0, -3))), /cannot be read: it is damaged/)
  assert.match(await broken((folder) => {
    const bytes = readFileSync(join(folder, second))
    bytes[bytes.length - 20]! ^= 1
    writeFileSync(join(folder, second), bytes)
  }), /cannot be read: it is damaged/)
  assert.match(await broken((folder) => rmSync(join(folder, second))), /does not go on from .*: one in between is missing/)
  assert.match(await broken((folder) => rmSync(join(folder, names[0]!))), /there is no full backup/)
  assert.throws(() => statSync(join(directory, 'never-made')), { code: 'ENOENT' })
})

test('a restore is refused while the gateway runs, and into a store that holds something', async () => {
  const running = await run('restore', '--from', 'backups')
  assert.match(running.stderr, /another process has it open/)
  await stop()
  assert.match((await run('restore', '--from', 'backups')).stderr, /the store holds 4 revisions already; a backup is restored into an empty one/)
})

test('after its store is destroyed, the gateway is what it was: configuration, history, consumers and keys', async () => {
  destroyStores()
  const restored = await json<{ revision: number; content: number; revisions: number; consumers: number; revocations: number; sessions: number }>('restore', '--from', 'backups')
  assert.deepEqual(await inStore((store) => store.revocations('default', [endedSession.name])), [endedSession])
  assert.deepEqual([restored.content, restored.revisions, restored.consumers], [4, 4, 2])
  await start()
  assert.deepEqual(await whole(), last.config)
  assert.deepEqual((await history()).slice(-4), last.history)
  assert.deepEqual([await bodyOf('/a'), await bodyOf('/closed')], ['third', secretText])
  assert.deepEqual([restored.revocations, restored.sessions], [3, 2])
  assert.deepEqual(await statuses(), [200, 401, 401])
})

test('it can be had as it was at an instant between two backups', async () => {
  await stop()
  destroyStores()
  const restored = await json<{ revision: number; content: number; revisions: number; consumersOf: string }>('restore', '--from', 'backups', '--at', between, '--above', '9')
  assert.deepEqual([restored.content, restored.revisions, restored.revision], [3, 4, 10])
  await start()
  assert.equal(await bodyOf('/a'), 'second')
  assert.deepEqual(await statuses(), [200, 401, 401], 'what was revoked later stays so')
  assert.equal((await history())[0]!.revision, 10)
  const { consumers } = (await whole()) as { consumers: { name: string }[] }
  assert.deepEqual(consumers.map(({ name }) => name), ['acme'], 'consumers are those of the backup before')
})

test('backups go on from a restored store, and old ones are let go', async () => {
  const next = await json<Taken>('backup', '--to', 'backups')
  assert.deepEqual([next.kind, next.revision], ['incremental', 10])
  await json<Taken>('backup', '--to', 'backups', '--full')
  const { removed } = await json<{ removed: string[] }>('backup', '--to', 'backups', '--keep', '1s').then(async (first) => {
    if ((first as { removed: string[] }).removed.length > 0) return first as { removed: string[] }
    let found: { removed: string[] } = { removed: [] }
    await waitUntil(async () => (found = await json('backup', '--to', 'backups', '--keep', '1s')).removed.length > 0, { timeoutMs: 20_000 })
    return found
  })
  assert.ok(removed.some((name) => name.endsWith('-full.sluice-backup')))
  assert.equal((await run('restore', '--from', 'backups', '--check')).code, 0)
})

test('with --every backups go on until a signal', async (t) => {
  const environment = { SLUICE_ADMIN_URL: `http://127.0.0.1:${ports[1]}`, SLUICE_ADMIN_TOKEN: readFileSync(join(directory, '.sluice/admin-token'), 'utf8').trim() }
  const command = startProcess(t, sluice, ['backup', '--to', 'going', '--every', '1s'], { cwd: directory, env: environment })
  await waitUntil(() => command.stdout().split('incremental').length > 2, { timeoutMs: 30_000, what: `two more backups; so far ${command.stdout()}${command.stderr()}` })
  command.signal('SIGTERM')
  assert.deepEqual(await command.exited, { code: 0, signal: null })
})
