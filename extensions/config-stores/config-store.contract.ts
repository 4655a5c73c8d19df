import assert from 'node:assert/strict'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import type { Commit, ConfigStore, RevisionRecord } from './config-store.ts'

export interface ConfigStoreHarness {
  open(): Promise<ConfigStore>
  /** A second writer on the same data: another instance where the driver allows one, else the first. */
  openPeer(first: ConfigStore): Promise<ConfigStore>
  /** Called when both are closed. */
  end?(): Promise<void>
}

/** The tests every config store passes. Each uses a scope of its own, so that all share one store. */
export function testConfigStore(name: string, harness: ConfigStoreHarness): void {
  describe(`the ${name} config store`, () => {
    let store: ConfigStore
    let peer: ConfigStore
    before(async () => {
      store = await harness.open()
      peer = await harness.openPeer(store)
    })
    after(async () => {
      if (peer !== store) await peer.close()
      await store.close()
      await harness.end?.()
    })
    const both = (): Both => ({ store, peer })
    testHistory(both)
    testConcurrency(both)
    testWatching(both)
    testAuditAndEdges(both)
  })
}

interface Both {
  store: ConfigStore
  peer: ConfigStore
}

/** A commit with defaults; its digest is that of its body. */
export function commitOf(scope: string, expectedHead: number, facts: Partial<Commit> = {}): Commit {
  const body = facts.body ?? Buffer.from(`content ${expectedHead + 1} of ${scope}`)
  return {
    scope,
    expectedHead,
    digest: createHash('sha256').update(body).digest('hex'),
    changeId: randomUUID(),
    author: 'anna',
    note: '',
    origin: 'api',
    fileDigest: '',
    committedAtMs: Date.now(),
    body,
    ...facts,
  }
}

function testHistory(both: () => Both): void {
  test('an empty store has no head, nothing to read and an empty list', async () => {
    const { store } = both()
    const scope = randomUUID()
    assert.equal(await store.head(scope), undefined)
    assert.equal(await store.read(scope, 1), undefined)
    assert.deepEqual(await store.list(scope, { limit: 10 }), [])
    assert.equal(await store.lastFromFile(scope), undefined)
    await store.ping()
    await store.requireWritable(scope)
  })

  test('the first commit is revision 1 and is read back as it was given', async () => {
    const { store, peer } = both()
    const commit = commitOf(randomUUID(), 0, { note: 'première ✓', origin: 'file', fileDigest: 'f00d' })
    assert.deepEqual(await store.commit(commit), { outcome: 'committed', revision: 1 })
    const { body, expectedHead: _, ...facts } = commit
    const record = { ...facts, revision: 1 }
    assert.deepEqual(await store.head(commit.scope), record)
    const read = await peer.read(commit.scope, 1)
    assert.deepEqual({ ...read, body: Buffer.from(read?.body ?? []) }, { ...record, body: Buffer.from(body) })
  })

  test('a commit made from an old head is a conflict that names the head, and changes nothing', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    await store.commit(commitOf(scope, 0))
    await store.commit(commitOf(scope, 1))
    assert.deepEqual(await peer.commit(commitOf(scope, 1)), { outcome: 'conflict', head: 2 })
    assert.deepEqual(await peer.commit(commitOf(scope, 0)), { outcome: 'conflict', head: 2 })
    assert.equal((await store.head(scope))?.revision, 2)
  })

  test('a commit made from a head that is not there yet is a conflict', async () => {
    const { store } = both()
    const scope = randomUUID()
    assert.deepEqual(await store.commit(commitOf(scope, 7)), { outcome: 'conflict', head: 0 })
    await store.commit(commitOf(scope, 0))
    assert.deepEqual(await store.commit(commitOf(scope, 2)), { outcome: 'conflict', head: 1 })
    assert.equal(await store.read(scope, 3), undefined)
  })

  test('a commit that is repeated with the same change id answers the first outcome', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    const commit = commitOf(scope, 0)
    await store.commit(commit)
    assert.deepEqual(await peer.commit(commit), { outcome: 'committed', revision: 1 })
    await store.commit(commitOf(scope, 1))
    assert.deepEqual(await store.commit(commit), { outcome: 'committed', revision: 1 })
    assert.equal((await store.head(scope))?.revision, 2)
  })

  test('the list runs from the newest down, before a revision when one is given', async () => {
    const { store } = both()
    const scope = randomUUID()
    for (let head = 0; head < 5; head++) await store.commit(commitOf(scope, head))
    const revisions = async (options: { before?: number; limit: number }) => (await store.list(scope, options)).map((record) => record.revision)
    assert.deepEqual(await revisions({ limit: 3 }), [5, 4, 3])
    assert.deepEqual(await revisions({ before: 3, limit: 10 }), [2, 1])
    assert.deepEqual(await revisions({ before: 1, limit: 10 }), [])
  })

  test('the last revision from a file is found under later ones', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    await store.commit(commitOf(scope, 0, { origin: 'file', fileDigest: 'first' }))
    await store.commit(commitOf(scope, 1, { origin: 'file', fileDigest: 'second' }))
    await store.commit(commitOf(scope, 2))
    await peer.commit(commitOf(scope, 3, { origin: 'rollback' }))
    const found = await peer.lastFromFile(scope)
    assert.deepEqual([found?.revision, found?.fileDigest], [2, 'second'])
  })

  test('a body of 3 MB is read back byte for byte', async () => {
    const { store, peer } = both()
    const commit = commitOf(randomUUID(), 0, { body: randomBytes(3 << 20) })
    await store.commit(commit)
    const read = await peer.read(commit.scope, 1)
    assert.equal(createHash('sha256').update(read?.body ?? '').digest('hex'), commit.digest)
  })

  test('an empty body is read back', async () => {
    const { store } = both()
    const commit = commitOf(randomUUID(), 0, { body: new Uint8Array(0) })
    await store.commit(commit)
    assert.equal((await store.read(commit.scope, 1))?.body.length, 0)
  })

  test('scopes are apart, whatever their names', async () => {
    const { store } = both()
    const [one, two] = [`${randomUUID()}'; --`, `${randomUUID()} ü`]
    await store.commit(commitOf(one, 0, { body: Buffer.from('one') }))
    assert.equal(await store.head(two), undefined)
    assert.deepEqual(await store.commit(commitOf(two, 0, { body: Buffer.from('two') })), { outcome: 'committed', revision: 1 })
    assert.equal(Buffer.from((await store.read(one, 1))?.body ?? []).toString(), 'one')
  })
}

function testConcurrency(both: () => Both): void {
  test('eight writers at once make one contiguous history, in which each finds its commits', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    const writer = async (index: number): Promise<Map<number, string>> => {
      const mine = new Map<number, string>()
      const writes = index % 2 ? store : peer
      let head = 0
      while (mine.size < 12) {
        const commit = commitOf(scope, head, { author: `writer ${index}` })
        const result = await writes.commit(commit)
        if (result.outcome === 'committed') mine.set(result.revision, commit.changeId)
        head = result.outcome === 'committed' ? result.revision : result.head
      }
      return mine
    }
    const won = await Promise.all(Array.from({ length: 8 }, (_, index) => writer(index)))
    const list = await store.list(scope, { limit: 1000 })
    assert.deepEqual(list.map((record) => record.revision), Array.from({ length: 96 }, (_, index) => 96 - index))
    for (const record of list) {
      const owner = won[Number(record.author.slice('writer '.length))]
      assert.equal(owner?.get(record.revision), record.changeId, `revision ${record.revision}`)
    }
    assert.equal(new Set(list.map((record) => record.changeId)).size, 96)
  })
}

function testWatching(both: () => Both): void {
  test('a watcher sees the head that stands, then its own and another writer’s commits in order', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    await store.commit(commitOf(scope, 0, { note: 'standing' }))
    const seen: RevisionRecord[] = []
    const watch = store.watch(scope, (head) => void seen.push(head))
    await waitUntil(() => seen.length === 1)
    for (let head = 1; head < 7; head++) await (head % 2 ? peer : store).commit(commitOf(scope, head, { note: `from ${head}` }))
    await waitUntil(() => seen.length === 7)
    watch.stop()
    assert.deepEqual(seen.map((record) => [record.revision, record.note]), [[1, 'standing'], ...[1, 2, 3, 4, 5, 6].map((head) => [head + 1, `from ${head}`])])
  })

  test('a watcher that stopped and a watcher of another scope are not called', async () => {
    const { store } = both()
    const scope = randomUUID()
    const calls: string[] = []
    store.watch(scope, () => void calls.push('stopped')).stop()
    const elsewhere = store.watch(randomUUID(), () => void calls.push('elsewhere'))
    const here = store.watch(scope, () => void calls.push('here'))
    await store.commit(commitOf(scope, 0))
    await waitUntil(() => calls.includes('here'))
    elsewhere.stop()
    here.stop()
    assert.deepEqual(calls, ['here'])
  })
}

function testAuditAndEdges(both: () => Both): void {
  test('the audit log is read newest first, across days', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    const start = Date.now() - 3 * 86_400_000
    const times = [0, 1000, 86_400_000, 2.5 * 86_400_000, 2.5 * 86_400_000 + 1].map((offset) => start + offset)
    for (const [index, atMs] of times.entries()) {
      await store.appendAudit({ scope, atMs, actor: 'anna', action: `PUT /v1/routes/r${index}`, outcome: `revision ${index}` })
    }
    const all = await peer.listAudit(scope, { limit: 10 })
    assert.deepEqual(all.map((entry) => entry.atMs), times.toReversed())
    assert.deepEqual(all[0], { scope, atMs: times[4], actor: 'anna', action: 'PUT /v1/routes/r4', outcome: 'revision 4' })
    const older = await store.listAudit(scope, { limit: 2, beforeMs: times[3] as number })
    assert.deepEqual(older.map((entry) => entry.action), ['PUT /v1/routes/r2', 'PUT /v1/routes/r1'])
    assert.deepEqual(await store.listAudit(randomUUID(), { limit: 10 }), [])
  })

  test('two audit entries of the same millisecond are both kept', async () => {
    const { store } = both()
    const scope = randomUUID()
    const atMs = Date.now()
    for (const action of ['one', 'two']) await store.appendAudit({ scope, atMs, actor: 'anna', action, outcome: '' })
    assert.deepEqual((await store.listAudit(scope, { limit: 5 })).map((entry) => entry.action).toSorted(), ['one', 'two'])
  })

  test('events are read newest first, across days; one that is told twice is one', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    const start = Date.now() - 3 * 86_400_000
    const events = [0, 1000, 86_400_000, 2.5 * 86_400_000].map((offset, index) => ({ scope, atMs: start + offset, key: `k${index}`, body: `event ${index}` }))
    for (const event of events) for (const writer of [store, peer]) await writer.appendEvent(event)
    await store.appendEvent({ ...events[3]!, key: 'another', body: 'of the same instant' })
    const all = await peer.listEvents(scope, { limit: 10 })
    assert.deepEqual(all.map(({ key }) => key), ['k3', 'another', 'k2', 'k1', 'k0'])
    assert.deepEqual(all[0], events[3])
    assert.deepEqual((await store.listEvents(scope, { limit: 2 })).map(({ key }) => key), ['k3', 'another'])
    assert.deepEqual(await store.listEvents(randomUUID(), { limit: 10 }), [])
  })

  test('an edge is remembered with its last heartbeat until it is removed', async () => {
    const { store, peer } = both()
    const scope = randomUUID()
    const at = Date.now()
    await store.saveEdge(scope, { name: 'e2', instance: 'i2', lastHeartbeatMs: at })
    await store.saveEdge(scope, { name: 'e1', instance: 'i1', lastHeartbeatMs: at })
    await store.saveEdge(scope, { name: 'e1', instance: 'i1b', lastHeartbeatMs: at + 10 })
    assert.deepEqual(await peer.edges(scope), [
      { name: 'e1', instance: 'i1b', lastHeartbeatMs: at + 10 },
      { name: 'e2', instance: 'i2', lastHeartbeatMs: at },
    ])
    await peer.removeEdge(scope, 'e1')
    await peer.removeEdge(scope, 'unknown')
    assert.deepEqual((await store.edges(scope)).map((edge) => edge.name), ['e2'])
    assert.deepEqual(await store.edges(randomUUID()), [])
  })
}
