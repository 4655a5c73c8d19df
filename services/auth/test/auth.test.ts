import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { announce } from '@sluice/buses/rpc'
import type { CredentialStore } from '@sluice/credential-stores'
import { SluiceError } from '@sluice/errors'
import { ConsumerDeleteRequestSchema, CredentialChangeKind } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { waitUntil } from '@sluice/testkit'
import { asked, openBus, openStore, put, scope, startAuth } from './auth-harness.ts'

/** The store, until it is told to be away. */
async function breakable(t: Parameters<typeof openStore>[0]) {
  const store = await openStore(t)
  const state = { away: false }
  const proxy = new Proxy(store, {
    get(target, name) {
      const method = Reflect.get(target, name) as (...given: unknown[]) => unknown
      return (...given: unknown[]) => (state.away ? Promise.reject(new SluiceError('dependency.store_unreachable')) : method.apply(target, given))
    },
  })
  return { store: proxy as CredentialStore, state }
}

suite('changes', () => {
  test('are told to the edges before the writer has its answer, with the subjects they turn', async (t) => {
    const { bus, heard } = await startAuth(t)
    await put(bus, { name: 'acme', credentials: [{ jwtSubject: 's1' }] })
    const { id, version } = await asked.createKey(bus, { consumer: 'acme' })
    await put(bus, { name: 'acme', credentials: [{ jwtSubject: 's2' }] })
    await asked.delete(bus, { name: 'acme' })
    assert.deepEqual(
      heard.map((change) => [change.version, change.kind, change.consumer, change.credentialId, [...change.subjects].sort()]),
      [
        [1, CredentialChangeKind.CONSUMER, 'acme', '', ['s1']],
        [version, CredentialChangeKind.CREDENTIAL, 'acme', id, []],
        [3, CredentialChangeKind.CONSUMER, 'acme', '', ['s1', 's2']],
        [4, CredentialChangeKind.CONSUMER, 'acme', '', ['s2']],
      ],
    )
  })

  test('can be asked for afterwards; what cannot be told is said to be incomplete', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'a' }, { name: 'b' }, { name: 'c' })
    const reply = await asked.changes(bus, { afterVersion: 1 })
    assert.deepEqual([reply.changes.map(({ version }) => version), reply.headVersion, reply.incomplete], [[2, 3], 3, false])
    assert.deepEqual((await asked.changes(bus, { afterVersion: 3 })).changes, [])
    assert.equal((await asked.changes(bus, { afterVersion: 99 })).incomplete, true)
  })

  test('too many for one message are incomplete', async (t) => {
    const { bus } = await startAuth(t)
    for (let part = 0; part < 20; part++) await put(bus, { name: 'acme', credentials: Array.from({ length: 100 }, (_, index) => ({ jwtSubject: `${part}-${index}-${'x'.repeat(200)}` })) })
    const reply = await asked.changes(bus, { afterVersion: 0 })
    assert.deepEqual([reply.incomplete, reply.changes.length, reply.headVersion], [true, 0, 20])
  })

  test('are told in order, whichever of two instances wrote them', async (t) => {
    const bus = await openBus(t)
    const store = await openStore(t)
    const first = await startAuth(t, { bus, store })
    await startAuth(t, { bus, store })
    for (let turn = 1; turn <= 5; turn++) await put(bus, { name: `c${turn}` })
    await waitUntil(() => first.heard.length >= 5)
    assert.deepEqual([...new Set(first.heard.map(({ version }) => version))], [1, 2, 3, 4, 5])
  })

  test('that the writer did not live to tell are told by another instance', async (t) => {
    const { store, heard } = await startAuth(t)
    await store.putConsumers(scope, [{ name: 'acme', groups: [], labels: {}, owner: '', credentials: [] }], { createOnly: false })
    await waitUntil(() => heard.length === 1)
    assert.equal(heard[0]?.consumer, 'acme')
  })
})

suite('the store away', () => {
  test('calls fail with the code for it, readiness says so, and both heal', async (t) => {
    const { store, state } = await breakable(t)
    const { auth, bus } = await startAuth(t, { store })
    await put(bus, { name: 'acme' })
    assert.deepEqual(auth.health(), { ready: true, reasons: [] })
    state.away = true
    for (const call of [() => put(bus, { name: 'b' }), () => asked.createKey(bus, { consumer: 'acme' }), () => asked.delete(bus, { name: 'acme' }), () => asked.key(bus, { id: 'a', secret: 'b' }), () => asked.subject(bus, { subject: 's' }), () => asked.changes(bus, {}), () => asked.list(bus, {}), () => asked.get(bus, { name: 'acme' })])
      await assert.rejects(call(), { code: 'dependency.store_unreachable' })
    await waitUntil(() => !auth.health().ready)
    assert.match(auth.health().reasons.join(), /store cannot be reached/)
    state.away = false
    await waitUntil(() => auth.health().ready)
    assert.equal((await put(bus, { name: 'b' })).version, 2)
  })

  test('an auth that starts without its store waits for it, and tells every edge to catch up', async (t) => {
    const { store, state } = await breakable(t)
    state.away = true
    const { auth, bus, heard } = await startAuth(t, { store })
    assert.equal(auth.health().ready, false)
    state.away = false
    await waitUntil(() => auth.health().ready)
    await waitUntil(async () => {
      await put(bus, { name: 'acme' })
      return heard.length > 0
    })
  })
})

suite('auth as a service', () => {
  test('a message that cannot be read is counted and dropped', async (t) => {
    const { bus, count, log } = await startAuth(t)
    bus.publish(subjects.authKey(scope), Buffer.from('not a message'))
    await waitUntil(() => count('sluice_malformed_messages_total') === 1)
    assert.match(log.join(''), /could not be read/)
    assert.equal((await asked.subject(bus, { subject: 's' })).consumer, undefined)
  })

  test('stopping answers what is under way and takes nothing more', async (t) => {
    const { auth, bus } = await startAuth(t)
    await put(bus, { name: 'acme' })
    const making = asked.createKey(bus, { consumer: 'acme' })
    await waitUntil(() => auth.health().ready)
    const stopped = auth.stop({ deadlineMs: 5000 })
    assert.match((await making).key, /^sk_/)
    await stopped
    await assert.rejects(asked.key(bus, { id: 'a', secret: 'b' }), { code: 'dependency.no_responder' })
    assert.equal(auth.health().ready, false)
  })

  test('a plain publish where a call is expected harms nobody', async (t) => {
    const { bus } = await startAuth(t)
    announce(bus, subjects.consumerDelete(scope), ConsumerDeleteRequestSchema, { name: 'nobody' })
    assert.equal((await asked.list(bus, {})).consumersJson.length, 0)
  })
})
