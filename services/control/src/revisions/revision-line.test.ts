import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { openConfigStore } from '@sluice/config-stores'
import type { Commit, CommitOutcome, ConfigStore, WrittenCommit } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { SecretSources } from '../secret-sources/secret-sources.ts'
import { putOne } from './changes.ts'
import { RevisionLine } from './revision-line.ts'

const scope = 'default'

/** Under a store that writes at once: it keeps when it is told to. */
class SlowDisk {
  readonly written: number[] = []
  /** The newest revision that is kept. */
  kept = 0
  readonly #flushes: { keep(): void; fail(): void }[] = []

  async write(store: ConfigStore, commit: Commit): Promise<WrittenCommit> {
    const { outcome, kept } = await store.write!(commit)
    this.written.push(commit.expectedHead + 1)
    const flushed = new Promise<void>((resolve, reject) => this.#flushes.push({ keep: () => resolve(kept), fail: () => reject(new SluiceError('dependency.store_unreachable')) }))
    return { outcome, kept: flushed }
  }

  keepAll(): void {
    this.kept = this.written.at(-1)!
    for (const { keep } of this.#flushes.splice(0)) keep()
  }

  failAll(): void {
    for (const { fail } of this.#flushes.splice(0)) fail()
  }
}

async function lineOver(t: TestContext, disk: SlowDisk, commitAgain: 'works' | 'fails' = 'works') {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-line-'))
  const embedded = await openConfigStore('embedded', { directory })
  t.after(async () => {
    await embedded.close()
    await rm(directory, { recursive: true, force: true })
  })
  const store = new Proxy(embedded, {
    get(target, key) {
      const value = Reflect.get(target, key) as unknown
      if (key === 'write') return (commit: Commit) => disk.write(target, commit)
      if (key === 'head') return () => target.read(scope, disk.kept)
      if (key === 'commit') return (commit: Commit) => (commitAgain === 'fails' ? Promise.reject(new SluiceError('dependency.store_unreachable')) : commitAnew(target, commit, disk))
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  const told: number[] = []
  const line = new RevisionLine({ store, scope, clock: createFakeClock(), onCommitted: ({ revision }) => told.push(revision) })
  const accepted = async (input: unknown) => ({ problems: [], warnings: [], document: input as never, revision: input as never, consumers: [] })
  const checking = { validate: accepted, sources: new SecretSources({ environment: {}, sealing: undefined }), baseDirectory: '/', otherDirectories: [] }
  const put = (name: string) => line.commit(putOne(checking, { author: 'test', note: '', kind: 'upstreams', name, create: false, body: { endpoints: [] } }))
  return { line, told, put }
}

async function commitAnew(store: ConfigStore, commit: Commit, disk: SlowDisk): Promise<CommitOutcome> {
  const outcome = await store.commit(commit)
  disk.kept = commit.expectedHead + 1
  return outcome
}

test('changes are made one from the other before the first is on the disk, and told in order once they are', async (t) => {
  const disk = new SlowDisk()
  const { told, put, line } = await lineOver(t, disk)
  const commits = ['a', 'b', 'c'].map(put)
  await waitUntil(() => disk.written.length === 3)
  assert.deepEqual([disk.written, told, await line.stored.head()], [[1, 2, 3], [], undefined])
  const again = put('c')
  disk.keepAll()
  assert.deepEqual((await Promise.all(commits)).map(({ revision }) => revision), [1, 2, 3])
  assert.deepEqual(told, [1, 2, 3])
  const unchanged = await again
  assert.deepEqual([unchanged.revision, unchanged.isNew], [3, false])
  assert.deepEqual(Object.keys((await line.stored.head())!.document.upstreams!), ['a', 'b', 'c'])
})

test('what could not be flushed is asked for again; who asks for what is so already waits for the disk as well', async (t) => {
  const disk = new SlowDisk()
  const { told, put } = await lineOver(t, disk)
  const commit = put('a')
  await waitUntil(() => disk.written.length === 1)
  const same = assert.rejects(put('a'), { code: 'dependency.store_unreachable' })
  assert.deepEqual(told, [])
  disk.failAll()
  assert.equal((await commit).revision, 1)
  await same
  assert.deepEqual(told, [1])
  assert.equal((await put('a')).isNew, false)
})

test('a change that a store cannot keep is told to nobody', async (t) => {
  const disk = new SlowDisk()
  const { told, put } = await lineOver(t, disk, 'fails')
  const refused = ['a', 'b'].map((name) => assert.rejects(put(name), { code: 'dependency.store_unreachable' }))
  await waitUntil(() => disk.written.length === 2)
  disk.failAll()
  await Promise.all(refused)
  assert.deepEqual(told, [])
})
