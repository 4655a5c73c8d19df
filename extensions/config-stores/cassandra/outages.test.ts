// What the store does when Cassandra cannot be reached, or an answer gets lost: seen through a relay that can break a
// connection at the frame that carries the conditional batch.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { ownKeyspaces, settingsOf } from '@sluice/databases/test/cassandra-keyspaces'
import { freePort, LossyRelay, missingServer, waitUntil, type Cut, type Splitter } from '@sluice/testkit'
import type { ConfigStore } from '../config-store.ts'
import { commitOf } from '../config-store.contract.ts'
import { createCassandraConfigStore } from './cassandra.ts'

const skip = missingServer('cassandra')
const HEADER_BYTES = 9
const BATCH = 0x0d

/** Frames of the native protocol (v4 §2), each whole. */
function frames(): Splitter {
  let rest = Buffer.alloc(0)
  return (data) => {
    const whole: Buffer[] = []
    rest = Buffer.concat([rest, data])
    while (rest.length >= HEADER_BYTES && rest.length >= HEADER_BYTES + rest.readUInt32BE(5)) {
      const frame = rest.subarray(0, HEADER_BYTES + rest.readUInt32BE(5))
      rest = rest.subarray(frame.length)
      whole.push(frame)
    }
    return whole
  }
}

describe('the cassandra config store in an outage', { skip }, () => {
  const settings = settingsOf(ownKeyspaces()())
  const contactPoint = settings.contactPoints
  const newRelay = async () => new LossyRelay(await freePort(), contactPoint, frames)
  const open = (point: string, warnings: string[] = []) =>
    createCassandraConfigStore({ ...settings, contactPoints: point }, { onWarning: (message) => warnings.push(message) })
  const unreachable = { code: 'dependency.store_unreachable' }
  let direct: ConfigStore
  let relay: LossyRelay

  before(async () => {
    direct = await open(contactPoint)
    await waitUntil(() => direct.ping().then(() => true), { timeoutMs: 30_000 })
    relay = await newRelay()
    await relay.open()
  })
  after(async () => {
    await relay.close()
    await direct.close()
  })

  /** A store whose first conditional batch meets `cut`. */
  async function cutOnce(cut: () => Promise<Cut>): Promise<ConfigStore> {
    const store = await open(`127.0.0.1:${relay.port}`)
    await store.ping()
    relay.onPiece = (frame) => {
      if (frame[4] !== BATCH) return 'none'
      relay.onPiece = () => 'none'
      return cut()
    }
    return store
  }

  test('a commit that was done, but whose answer got lost, is known as done', async () => {
    const store = await cutOnce(async () => 'after')
    const commit = commitOf(randomUUID(), 0)
    assert.deepEqual(await store.commit(commit), { outcome: 'committed', revision: 1 })
    assert.equal((await direct.head(commit.scope))?.changeId, commit.changeId)
    await store.close()
  })

  test('a commit that got lost on its way is done once', async () => {
    const store = await cutOnce(async () => 'before')
    const commit = commitOf(randomUUID(), 0)
    assert.deepEqual(await store.commit(commit), { outcome: 'committed', revision: 1 })
    assert.deepEqual((await direct.list(commit.scope, { limit: 5 })).map((record) => record.changeId), [commit.changeId])
    await store.close()
  })

  test('a commit that got lost on its way loses to one that came in between', async () => {
    const scope = randomUUID()
    const other = commitOf(scope, 0)
    const store = await cutOnce(async () => {
      await direct.commit(other)
      return 'before'
    })
    assert.deepEqual(await store.commit(commitOf(scope, 0)), { outcome: 'conflict', head: 1 })
    assert.deepEqual((await direct.list(scope, { limit: 5 })).map((record) => record.changeId), [other.changeId])
    await store.close()
  })

  test('a store made while Cassandra is away refuses calls, says why once, and works when it is there', async () => {
    const away = await newRelay()
    const warnings: string[] = []
    const store = await open(`127.0.0.1:${away.port}`, warnings)
    const start = performance.now()
    await assert.rejects(store.head('default'), unreachable)
    await assert.rejects(store.commit(commitOf('default', 0)), unreachable)
    assert.ok(performance.now() - start < 5000)
    await away.open()
    await waitUntil(() => store.ping().then(() => true), { timeoutMs: 10_000 })
    assert.equal(await store.head(randomUUID()), undefined)
    assert.equal(warnings.length, 1)
    assert.match(warnings[0] ?? '', /ECONNREFUSED/)
    await store.close()
    await away.close()
  })

  test('a store that loses Cassandra refuses calls and finds it again, and a watcher misses nothing', async () => {
    const lossy = await newRelay()
    await lossy.open()
    const store = await open(`127.0.0.1:${lossy.port}`)
    const scope = randomUUID()
    const seen: number[] = []
    store.watch(scope, (head) => void seen.push(head.revision))
    await store.commit(commitOf(scope, 0))
    await waitUntil(() => seen.length === 1)
    await lossy.close()
    await assert.rejects(store.head(scope), unreachable)
    await assert.rejects(store.commit(commitOf(scope, 1)), unreachable)
    for (const head of [1, 2, 3]) await direct.commit(commitOf(scope, head))
    await lossy.open()
    await waitUntil(() => seen.length === 4, { timeoutMs: 15_000 })
    assert.deepEqual(seen, [1, 2, 3, 4])
    assert.deepEqual(await store.commit(commitOf(scope, 4)), { outcome: 'committed', revision: 5 })
    await store.close()
    await lossy.close()
  })

  test('no call hangs when Cassandra falls silent', async () => {
    const silent = await newRelay()
    await silent.open()
    const store = await open(`127.0.0.1:${silent.port}`)
    await store.ping()
    silent.isMute = true
    const start = performance.now()
    const calls = [store.head('s'), store.commit(commitOf('s', 0)), store.edges('s'), store.listAudit('s', { limit: 1 })]
    for (const result of await Promise.allSettled(calls)) assert.equal(result.status === 'rejected' && result.reason.code, 'dependency.store_unreachable')
    assert.ok(performance.now() - start < 6500, 'a call has 5 s')
    await silent.close()
    await store.close()
  })
})
