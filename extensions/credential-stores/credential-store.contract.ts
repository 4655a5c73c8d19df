import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { MAX_CONSUMERS_A_WRITE, type ConsumersWrite, type CredentialStore, type Revocation, type StoredConsumer, type StoredCredential } from './credential-store.ts'

export interface CredentialStoreHarness {
  /** A store that keeps the last `changesKept` changes at least, and not many more. */
  open(changesKept: number): Promise<CredentialStore>
  /** A second writer on the same data: another instance where the driver allows one, else the first. */
  openPeer(first: CredentialStore, changesKept: number): Promise<CredentialStore>
  /** Called when both are closed. */
  end?(): Promise<void>
}

const CHANGES_KEPT = 40

/** The tests every credential store passes. Each uses a scope of its own, so that all share one store. */
export function testCredentialStore(name: string, harness: CredentialStoreHarness): void {
  describe(`the ${name} credential store`, () => {
    let store: CredentialStore
    let peer: CredentialStore
    before(async () => {
      store = await harness.open(CHANGES_KEPT)
      peer = await harness.openPeer(store, CHANGES_KEPT)
    })
    after(async () => {
      if (peer !== store) await peer.close()
      await store.close()
      await harness.end?.()
    })
    const both = (): Both => ({ store, peer, scope: randomUUID() })
    testConsumers(both)
    testCredentials(both)
    testOwnership(both)
    testLog(both)
    testRevocations(both)
    testConcurrency(both)
  })
}

interface Both {
  store: CredentialStore
  peer: CredentialStore
  scope: string
}

export const apiKey = (id: string, expiresAtMs = 0): StoredCredential => ({ kind: 'apiKey', id, hash: `$argon2id$of-${id}`, expiresAtMs, createdAtMs: 1_700_000_000_000 })
export const basic = (username: string): StoredCredential => ({ kind: 'basic', id: username, username, passwordHash: `$argon2id$of-${username}` })
export const subject = (name: string): StoredCredential => ({ kind: 'jwtSubject', id: name, subject: name })

export function consumerOf(name: string, ...credentials: StoredCredential[]): StoredConsumer {
  return { name, groups: ['gold', 'ünïcode'], labels: { team: 'a', 'x.y/z': '' }, owner: 'ops', credentials }
}

const versionOf = (write: ConsumersWrite): number => {
  assert.equal(write.outcome, 'written')
  return write.outcome === 'written' ? write.version : 0
}

const put = async (store: CredentialStore, scope: string, ...consumers: StoredConsumer[]): Promise<number> =>
  versionOf(await store.putConsumers(scope, consumers, { createOnly: false }))

function testConsumers(both: () => Both): void {
  test('an empty store is at version 0 and knows nobody', async () => {
    const { store, scope } = both()
    assert.equal(await store.version(scope), 0)
    assert.equal(await store.consumer(scope, 'acme'), undefined)
    assert.deepEqual(await store.consumers(scope, { limit: 10 }), [])
    assert.equal(await store.findApiKey(scope, 'k1'), undefined)
    assert.equal(await store.findSubject(scope, 'acme'), undefined)
    assert.equal(await store.findUsername(scope, 'acme'), undefined)
    assert.deepEqual(await store.changes(scope, 0), [])
    await store.ping()
  })

  test('a consumer is read back as it was put, by name, key, subject and user name, in another instance too', async () => {
    const { store, peer, scope } = both()
    const acme = consumerOf('acme', apiKey('k1', 1_900_000_000_000), basic('acme'), subject('acme@id'))
    assert.equal(await put(store, scope, acme), 1)
    for (const reader of [store, peer]) {
      assert.deepEqual(await reader.consumer(scope, 'acme'), acme)
      assert.deepEqual(await reader.findApiKey(scope, 'k1'), { consumer: acme, credential: apiKey('k1', 1_900_000_000_000) })
      assert.deepEqual(await reader.findSubject(scope, 'acme@id'), { consumer: acme, credential: subject('acme@id') })
      assert.deepEqual(await reader.findUsername(scope, 'acme'), { consumer: acme, credential: basic('acme') })
      assert.equal(await reader.version(scope), 1)
    }
  })

  test('putting a consumer again replaces it, with its credentials', async () => {
    const { store, peer, scope } = both()
    await put(store, scope, consumerOf('acme', apiKey('old'), subject('old')))
    const now = { ...consumerOf('acme', apiKey('new')), groups: [] }
    assert.equal(await put(peer, scope, now), 2)
    assert.deepEqual(await store.consumer(scope, 'acme'), now)
    assert.equal(await store.findApiKey(scope, 'old'), undefined)
    assert.equal(await store.findSubject(scope, 'old'), undefined)
    assert.deepEqual((await store.findApiKey(scope, 'new'))?.consumer, now)
  })

  test('creating refuses when one of the names exists, names it, and writes none', async () => {
    const { store, peer, scope } = both()
    await put(store, scope, consumerOf('acme'))
    const result = await peer.putConsumers(scope, [consumerOf('fresh', apiKey('k9')), consumerOf('acme', apiKey('k8'))], { createOnly: true })
    assert.deepEqual(result, { outcome: 'exists', names: ['acme'] })
    assert.equal(await store.consumer(scope, 'fresh'), undefined)
    assert.equal(await store.findApiKey(scope, 'k9'), undefined)
    assert.equal(await store.version(scope), 1)
    assert.equal(versionOf(await store.putConsumers(scope, [consumerOf('fresh')], { createOnly: true })), 2)
  })

  test('five hundred consumers are put at once, and more than a write takes are refused', async () => {
    const { store, peer, scope } = both()
    const consumers = Array.from({ length: MAX_CONSUMERS_A_WRITE + 1 }, (_, index) => consumerOf(`c${index}`, apiKey(`k${index}`)))
    await assert.rejects(store.putConsumers(scope, consumers, { createOnly: true }), { code: 'config.invalid', message: /2001 consumers/ })
    assert.equal(await put(store, scope, ...consumers.slice(0, 500)), 500)
    assert.equal((await peer.findApiKey(scope, 'k499'))?.consumer.name, 'c499')
  })

  test('consumers are listed by name, page by page', async () => {
    const { store, peer, scope } = both()
    const names = Array.from({ length: 25 }, (_, index) => `c${String(index * 7 % 25).padStart(2, '0')}`)
    await put(store, scope, ...names.map((name) => consumerOf(name)))
    const pages: string[][] = []
    for (let after = ''; ; after = pages.at(-1)?.at(-1) ?? '') {
      const page = await peer.consumers(scope, { ...(after && { after }), limit: 10 })
      if (page.length === 0) break
      pages.push(page.map((consumer) => consumer.name))
    }
    assert.deepEqual(pages.map((page) => page.length), [10, 10, 5])
    assert.deepEqual(pages.flat(), names.toSorted())
  })

  test('a deleted consumer is gone with its credentials when the call returns, and its claims are free', async () => {
    const { store, peer, scope } = both()
    await put(store, scope, consumerOf('acme', apiKey('k1'), subject('s1'), basic('u1')))
    assert.equal(await store.deleteConsumer(scope, 'acme'), 2)
    for (const reader of [store, peer]) {
      assert.equal(await reader.findApiKey(scope, 'k1'), undefined)
      assert.equal(await reader.findSubject(scope, 's1'), undefined)
      assert.equal(await reader.findUsername(scope, 'u1'), undefined)
      assert.equal(await reader.consumer(scope, 'acme'), undefined)
    }
    assert.deepEqual(await peer.consumers(scope, { limit: 5 }), [])
    assert.equal(await store.deleteConsumer(scope, 'acme'), undefined)
    assert.equal(await store.version(scope), 2)
    assert.equal(await put(peer, scope, consumerOf('other', apiKey('k1'), subject('s1'), basic('u1'))), 3)
    assert.equal((await store.findApiKey(scope, 'k1'))?.consumer.name, 'other')
  })

  test('scopes are apart, whatever their names', async () => {
    const { store, scope } = both()
    const [one, two] = [`${scope}'; --`, `${scope} ü`]
    await put(store, one, consumerOf('acme', apiKey('k1'), subject('s1')))
    assert.equal(await store.findApiKey(two, 'k1'), undefined)
    assert.equal(await store.version(two), 0)
    await put(store, two, consumerOf('other', apiKey('k1'), subject('s1')))
    assert.equal((await store.findSubject(one, 's1'))?.consumer.name, 'acme')
    assert.equal((await store.findSubject(two, 's1'))?.consumer.name, 'other')
  })
}

function testCredentials(both: () => Both): void {
  test('a credential is added to a consumer and found, with its expiry', async () => {
    const { store, peer, scope } = both()
    await put(store, scope, consumerOf('acme', subject('s1')))
    assert.equal(await store.addCredential(scope, 'acme', apiKey('k1', 123)), 2)
    assert.equal(await peer.addCredential(scope, 'acme', apiKey('k2')), 3)
    const acme = consumerOf('acme', subject('s1'), apiKey('k1', 123), apiKey('k2'))
    assert.deepEqual(await peer.findApiKey(scope, 'k1'), { consumer: acme, credential: apiKey('k1', 123) })
    assert.deepEqual(await store.consumer(scope, 'acme'), acme)
    assert.equal(await store.addCredential(scope, 'nobody', apiKey('k3')), undefined)
    assert.equal(await store.version(scope), 3)
  })

  test('a credential of the same kind and id is replaced, not doubled', async () => {
    const { store, scope } = both()
    await put(store, scope, consumerOf('acme', apiKey('k1'), { kind: 'jwtSubject', id: 'main', subject: 'old' }))
    await store.addCredential(scope, 'acme', apiKey('k1', 77))
    await store.addCredential(scope, 'acme', { kind: 'jwtSubject', id: 'main', subject: 'new' })
    assert.deepEqual((await store.consumer(scope, 'acme'))?.credentials, [apiKey('k1', 77), { kind: 'jwtSubject', id: 'main', subject: 'new' }])
    assert.equal(await store.findSubject(scope, 'old'), undefined)
    assert.equal((await store.findSubject(scope, 'new'))?.credential.id, 'main')
  })

  test('a deleted credential is gone when the call returns, the others stay', async () => {
    const { store, peer, scope } = both()
    await put(store, scope, consumerOf('acme', apiKey('k1'), apiKey('k2'), subject('s1')))
    assert.equal(await store.deleteCredential(scope, 'acme', 'k1'), 2)
    for (const reader of [store, peer]) {
      assert.equal(await reader.findApiKey(scope, 'k1'), undefined)
      assert.equal((await reader.findApiKey(scope, 'k2'))?.consumer.credentials.length, 2)
    }
    assert.equal(await store.deleteCredential(scope, 'acme', 's1'), 3)
    assert.equal(await peer.findSubject(scope, 's1'), undefined)
    assert.equal(await store.deleteCredential(scope, 'acme', 'k1'), undefined)
    assert.equal(await store.deleteCredential(scope, 'nobody', 'k2'), undefined)
    assert.equal(await store.version(scope), 3)
  })
}

function testOwnership(both: () => Both): void {
  for (const [what, credential] of [['an API key id', apiKey('shared')], ['a user name', basic('shared')], ['a subject', subject('shared')]] as const) {
    test(`${what} belongs to one consumer`, async () => {
      const { store, peer, scope } = both()
      await put(store, scope, consumerOf('first', credential))
      const result = await peer.putConsumers(scope, [consumerOf('fine', apiKey('fine')), consumerOf('second', credential)], { createOnly: false })
      assert.equal(result.outcome, 'taken')
      assert.match(result.outcome === 'taken' ? result.detail : '', /"shared".*"first"/)
      assert.equal(await store.consumer(scope, 'fine'), undefined)
      await put(store, scope, consumerOf('second'))
      await assert.rejects(peer.addCredential(scope, 'second', credential), { code: 'config.exists' })
      assert.deepEqual((await store.consumer(scope, 'second'))?.credentials, [])
      assert.equal(await store.version(scope), 2)
    })
  }

  test('two consumers of one write cannot share a key, and one may take over what the other lets go', async () => {
    const { store, scope } = both()
    const shared = await store.putConsumers(scope, [consumerOf('one', apiKey('k1')), consumerOf('two', apiKey('k1'))], { createOnly: false })
    assert.equal(shared.outcome, 'taken')
    await put(store, scope, consumerOf('one', apiKey('k1')), consumerOf('two'))
    await put(store, scope, consumerOf('one'), consumerOf('two', apiKey('k1')))
    assert.equal((await store.findApiKey(scope, 'k1'))?.consumer.name, 'two')
  })

  test('a key, a user name and a subject may be spelled alike', async () => {
    const { store, scope } = both()
    await put(store, scope, consumerOf('one', apiKey('acme')), consumerOf('two', basic('acme')), consumerOf('three', subject('acme')))
    assert.equal((await store.findApiKey(scope, 'acme'))?.consumer.name, 'one')
    assert.equal((await store.findUsername(scope, 'acme'))?.consumer.name, 'two')
    assert.equal((await store.findSubject(scope, 'acme'))?.consumer.name, 'three')
  })
}

function testLog(both: () => Both): void {
  test('each change is in the log once, with the subjects whose answer it changes', async () => {
    const { store, peer, scope } = both()
    await put(store, scope, consumerOf('acme', apiKey('k1'), subject('old')))
    await put(store, scope, consumerOf('acme', apiKey('k1'), subject('new')))
    await store.addCredential(scope, 'acme', subject('more'))
    await store.deleteCredential(scope, 'acme', 'k1')
    await store.deleteConsumer(scope, 'acme')
    const consumer = { kind: 'consumer', consumer: 'acme', credentialId: '' }
    const credential = { kind: 'credential', consumer: 'acme' }
    const expected = [
      { version: 1, ...consumer, subjects: ['old'] },
      { version: 2, ...consumer, subjects: ['old', 'new'] },
      { version: 3, ...credential, credentialId: 'more', subjects: ['more'] },
      { version: 4, ...credential, credentialId: 'k1', subjects: [] },
      { version: 5, ...consumer, subjects: ['new', 'more'] },
    ]
    assert.deepEqual(await peer.changes(scope, 0), expected)
    assert.deepEqual(await store.changes(scope, 3), expected.slice(3))
    assert.deepEqual(await store.changes(scope, 5), [])
    assert.equal(await store.changes(scope, 6), undefined)
  })

  test('a write of several consumers takes a version for each and answers the last', async () => {
    const { store, scope } = both()
    assert.equal(await put(store, scope, consumerOf('a'), consumerOf('b'), consumerOf('c')), 3)
    assert.deepEqual((await store.changes(scope, 1))?.map((change) => [change.version, change.consumer]), [[2, 'b'], [3, 'c']])
    assert.equal(await put(store, scope), 3)
  })

  test('the log never holds a hash', async () => {
    const { store, scope } = both()
    await put(store, scope, consumerOf('acme', apiKey('k1'), basic('u1')))
    assert.doesNotMatch(JSON.stringify(await store.changes(scope, 0)), /argon2/)
  })

  test('a log that was cut says so to who comes too late, and serves the others', async () => {
    const { store, peer, scope } = both()
    const total = 3 * CHANGES_KEPT + 5
    for (let round = 0; round < total; round += 5) await put(round % 2 ? store : peer, scope, ...['a', 'b', 'c', 'd', 'e'].map((name) => consumerOf(name)))
    assert.equal(await store.version(scope), total)
    assert.equal(await store.changes(scope, 0), undefined)
    const kept = await peer.changes(scope, total - CHANGES_KEPT)
    assert.deepEqual(kept?.map((change) => change.version), Array.from({ length: CHANGES_KEPT }, (_, index) => total - CHANGES_KEPT + 1 + index))
  })
}

function testRevocations(both: () => Both): void {
  const until = Date.now() + 3_600_000

  test('what is revoked is found by its name, in another instance too, and in the log', async () => {
    const { store, peer, scope } = both()
    const before = await put(store, scope, consumerOf('acme'))
    const version = await store.revoke(scope, [{ name: 'session:a', beforeMs: 1000, untilMs: until }, { name: 'session:b', beforeMs: 2000, untilMs: until }])
    assert.equal(version, before + 2)
    const found = await peer.revocations(scope, ['session:a', 'session:b', 'session:c'])
    assert.deepEqual(found.toSorted((a, b) => a.beforeMs - b.beforeMs), [{ name: 'session:a', beforeMs: 1000, untilMs: until }, { name: 'session:b', beforeMs: 2000, untilMs: until }])
    assert.deepEqual((await peer.changes(scope, before))?.map(({ kind, consumer, credentialId }) => [kind, consumer, credentialId]), [['credential', '', 'session:a'], ['credential', '', 'session:b']])
    assert.deepEqual(await store.revocations(randomUUID(), ['session:a']), [])
  })

  test('revoked again, the later instants stand', async () => {
    const { store, scope } = both()
    await store.revoke(scope, [{ name: 'user:a', beforeMs: 5000, untilMs: until }])
    await store.revoke(scope, [{ name: 'user:a', beforeMs: 3000, untilMs: until + 1000 }])
    assert.deepEqual(await store.revocations(scope, ['user:a']), [{ name: 'user:a', beforeMs: 5000, untilMs: until + 1000 }])
  })

  test('revoked tokens are listed by name, page by page, and nothing else is', async () => {
    const { store, peer, scope } = both()
    const of = (name: string) => ({ name, beforeMs: 1000, untilMs: until })
    await store.revoke(scope, ['token:b', 'session:a', 'token:a', 'token:ü', 'token;c', 'user:a'].map(of))
    assert.deepEqual(await peer.tokenRevocations(scope, { limit: 2 }), [of('token:a'), of('token:b')])
    assert.deepEqual(await peer.tokenRevocations(scope, { after: 'token:b', limit: 2 }), [of('token:ü')])
    assert.deepEqual(await peer.tokenRevocations(randomUUID(), { limit: 2 }), [])
  })

  test('ended sessions are listed, each once, and nothing else is', async () => {
    const { store, peer, scope } = both()
    const of = (name: string) => ({ name, beforeMs: 1000, untilMs: until })
    const sessions = Array.from({ length: 7 }, (_, index) => `session:${index}`)
    await store.revoke(scope, [...sessions, 'token:a', 'session;c', 'user:a'].map(of))
    await store.revoke(randomUUID(), [of('session:elsewhere')])
    const found: Revocation[] = []
    let after: string | undefined
    do {
      const { revocations, next } = await peer.sessionRevocations(scope, { limit: 3, ...(after !== undefined && { after }) })
      assert.ok(revocations.length <= 3)
      found.push(...revocations)
      after = next
    } while (after !== undefined)
    assert.deepEqual(found.toSorted((a, b) => (a.name < b.name ? -1 : 1)), sessions.map(of))
  })

  test('one that replaces another stands as it is, in every instance, and leaves a change', async () => {
    const { store, peer, scope } = both()
    const before = await store.revoke(scope, [{ name: 'token:a', beforeMs: 5000, untilMs: until }])
    const lifted = { name: 'token:a', beforeMs: 0, untilMs: until - 1_000_000 }
    assert.equal(await peer.revoke(scope, [{ ...lifted, replaces: true }]), before + 1)
    assert.deepEqual(await store.revocations(scope, ['token:a']), [lifted])
    assert.deepEqual(await store.tokenRevocations(scope, { limit: 10 }), [lifted])
    assert.deepEqual((await store.changes(scope, before))?.map(({ credentialId }) => credentialId), ['token:a'])
  })

  test('of several who ask for a lease at once one has it, in every instance, until its time is over', async () => {
    const { store, peer, scope } = both()
    const version = await store.version(scope)
    const holders = await Promise.all(Array.from({ length: 8 }, (_, index) => (index % 2 ? store : peer).lease(scope, 'refresh:a', `auth ${index}`, 60_000)))
    assert.equal(new Set(holders).size, 1)
    assert.match(holders[0]!, /^auth \d$/)
    assert.equal(await peer.lease(scope, 'refresh:a', 'late', 60_000), holders[0])
    assert.equal(await store.lease(scope, 'refresh:b', 'late', 60_000), 'late')
    assert.equal(await store.lease(randomUUID(), 'refresh:a', 'elsewhere', 60_000), 'elsewhere')
    assert.equal(await store.lease(scope, 'refresh:short', 'first', 300), 'first')
    await waitUntil(async () => (await peer.lease(scope, 'refresh:short', 'second', 60_000)) === 'second', { timeoutMs: 10_000, what: 'the lease to end' })
    assert.equal(await store.version(scope), version)
  })

  test('what would have ended by itself is let go', async () => {
    const { store, scope } = both()
    await store.revoke(scope, [{ name: 'session:old', beforeMs: 1000, untilMs: Date.now() + 300 }])
    const isGone = async () => (await store.revoke(scope, [{ name: 'session:new', beforeMs: 1000, untilMs: until }]), (await store.revocations(scope, ['session:old'])).length === 0)
    await waitUntil(isGone, { what: 'the revocation to be let go' })
  })
}

function testConcurrency(both: () => Both): void {
  test('eight writers at once get contiguous versions, and none undoes another', async () => {
    const { store, peer, scope } = both()
    await put(store, scope, consumerOf('shared'))
    const versions: number[] = []
    const writer = async (index: number): Promise<void> => {
      const mine = index % 2 ? store : peer
      versions.push(await put(mine, scope, consumerOf(`own${index}`, apiKey(`own${index}`))))
      for (const id of [`w${index}a`, `w${index}b`]) versions.push((await mine.addCredential(scope, 'shared', apiKey(id))) ?? 0)
      versions.push((await mine.deleteCredential(scope, 'shared', `w${index}a`)) ?? 0)
    }
    await Promise.all(Array.from({ length: 8 }, (_, index) => writer(index)))
    assert.deepEqual(versions.toSorted((a, b) => a - b), Array.from({ length: 32 }, (_, index) => index + 2))
    const shared = await store.consumer(scope, 'shared')
    assert.deepEqual(shared?.credentials.map((credential) => credential.id).toSorted(), Array.from({ length: 8 }, (_, index) => `w${index}b`))
    for (let index = 0; index < 8; index++) {
      assert.equal(await peer.findApiKey(scope, `w${index}a`), undefined)
      assert.equal((await peer.findApiKey(scope, `w${index}b`))?.consumer.name, 'shared')
    }
    assert.equal((await peer.changes(scope, 0))?.length, 33)
  })

  test('of eight writers that claim one subject, one gets it', async () => {
    const { store, peer, scope } = both()
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, index) => (index % 2 ? store : peer).putConsumers(scope, [consumerOf(`c${index}`, subject('wanted'))], { createOnly: true })),
    )
    const winners = results.flatMap((result, index) => (result.outcome === 'written' ? [`c${index}`] : []))
    assert.equal(winners.length, 1)
    assert.equal(results.filter((result) => result.outcome === 'taken').length, 7)
    assert.equal((await peer.findSubject(scope, 'wanted'))?.consumer.name, winners[0])
    assert.equal((await store.consumers(scope, { limit: 10 })).length, 1)
  })
}
