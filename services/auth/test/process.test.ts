import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { CredentialOutcome } from '@sluice/proto/messages/auth'
import { freePort, needServer, startNats, startServiceProcess, waitUntil } from '@sluice/testkit'
import { asked, partsOf, put } from './auth-harness.ts'

const startAuthProcess = (t: TestContext, env: Record<string, string>) => startServiceProcess(t, new URL('../src/main.ts', import.meta.url), env)

async function connect(t: TestContext, url: string) {
  const bus = await (await busNamed('nats').load()).createNatsBus({ urls: [url], name: 'test' })
  t.after(() => bus.drain())
  await waitUntil(() => bus.status === 'connected')
  return bus
}

suite('auth as a process', () => {
  test('answers over NATS, keeps what it was told over a restart, and drains on SIGTERM', async (t) => {
    if (needServer(t, 'nats') === undefined) return
    const nats = await startNats()
    t.after(() => nats.stop())
    const directory = await mkdtemp(join(tmpdir(), 'sluice-auth-'))
    t.after(() => rm(directory, { recursive: true, force: true }))
    const env = { SLUICE_NATS_URL: nats.url, SLUICE_DATA_DIR: directory }
    const bus = await connect(t, nats.url)

    const first = await startAuthProcess(t, env)
    await waitUntil(async () => (await first.readiness()).status === 'ready', { timeoutMs: 15_000 })
    await put(bus, { name: 'acme' })
    const { key } = await asked.createKey(bus, { consumer: 'acme' })
    first.child.signal('SIGTERM')
    assert.equal((await first.child.exited).code, 0)
    assert.ok(!first.child.stderr().includes(partsOf(key).secret))

    const second = await startAuthProcess(t, env)
    await waitUntil(async () => (await second.readiness()).status === 'ready', { timeoutMs: 15_000 })
    assert.equal((await asked.key(bus, partsOf(key))).outcome, CredentialOutcome.VALID)
  })

  test('starts without NATS, says why it is not ready, and is once NATS is there', async (t) => {
    if (needServer(t, 'nats') === undefined) return
    const port = await freePort()
    const { readiness } = await startAuthProcess(t, { SLUICE_NATS_URL: `nats://127.0.0.1:${port}` })
    await waitUntil(async () => assert.deepEqual((await readiness()).reasons, ['the bus cannot be reached']) ?? true, { timeoutMs: 15_000 })
    const nats = await startNats({ port })
    t.after(() => nats.stop())
    await waitUntil(async () => (await readiness()).status === 'ready', { timeoutMs: 15_000 })
  })

  test('prints every problem of its settings at once and ends with 1', async (t) => {
    const { child } = await startAuthProcess(t, { SLUICE_STORE: 'mysql', SLUICE_DRAIN_SECONDS: 'soon', SLUICE_LOG_LEVEL: 'loud' })
    assert.equal((await child.exited).code, 1)
    for (const problem of [/SLUICE_STORE: .*postgres/, /SLUICE_DRAIN_SECONDS: /, /SLUICE_LOG_LEVEL: /]) assert.match(child.stderr(), problem)
  })

  test('says what a Cassandra store needs', async (t) => {
    const { child } = await startAuthProcess(t, { SLUICE_STORE: 'cassandra' })
    assert.equal((await child.exited).code, 1)
    for (const variable of ['CONTACT_POINTS', 'DATACENTER']) assert.match(child.stderr(), new RegExp(`SLUICE_CASSANDRA_${variable}: needed`))
  })

  test('does not go to a NATS elsewhere without encryption, unless it is allowed to', async (t) => {
    const { child } = await startAuthProcess(t, { SLUICE_NATS_URL: 'nats://nats.example:4222' })
    assert.equal((await child.exited).code, 1)
    assert.match(child.stderr(), /SLUICE_NATS_URL: .*SLUICE_ALLOW_PLAINTEXT=1/)
  })
})
