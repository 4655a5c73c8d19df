import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SecretSources } from '../secret-sources/secret-sources.ts'
import { test } from 'node:test'
import { openConfigStore } from '@sluice/config-stores'
import { createFakeClock } from '@sluice/testkit'
import { putOne, replaceConfig } from './changes.ts'
import { RevisionLine } from './revision-line.ts'
import { decodeBody, encodeBody } from './stored-body.ts'
import { StoredRevisions } from './stored-revisions.ts'

const scope = 'default'
const about = { author: 'test', note: '' }

test('what changed is stored beside what stays, and each revision is read back whole by whoever has never seen one', async (t) => {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-store-'))
  const store = await openConfigStore('embedded', { directory })
  t.after(async () => {
    await store.close()
    await rm(directory, { recursive: true, force: true })
  })
  const accepted = async (input: unknown) => ({ problems: [], warnings: [], document: input as never, revision: input as never, consumers: [] })
  const checking = { validate: accepted, sources: new SecretSources({ environment: {}, sealing: undefined }), baseDirectory: '/', otherDirectories: [] }
  const line = new RevisionLine({ store, scope, clock: createFakeClock(), onCommitted: () => {} })
  const route = (name: string, size: number) => ({ name, match: { path: `/${name}` }, upstream: 'u', labels: { note: randomBytes(size / 2).toString('hex') } })
  const routes = Array.from({ length: 500 }, (_, index) => route(`r${index}`, 400))
  await line.commit(replaceConfig(checking, { version: 1, routes }, { ...about, origin: 'api' }))
  const digests = [(await line.stored.head())!.config.digest]
  for (let change = 0; change < 60; change++) {
    const { config } = await line.commit(putOne(checking, { ...about, kind: 'routes', name: `r${change}`, create: false, body: route(`r${change}`, change % 10 === 0 ? 40_000 : 400) }))
    digests.push(config.digest)
  }
  const bodies = await Promise.all(digests.map(async (_, index) => decodeBody((await store.read(scope, index + 1))!.body)))
  assert.ok(bodies.filter(({ base }) => base > 0).length > 40, 'most are stored as what differs')
  assert.ok(new Set(bodies.map(({ base }) => base)).size > 2, 'what differs gets a base of its own when it has grown')
  for (const order of [digests.keys(), [...digests.keys()].reverse(), [60, 3, 59, 30]]) {
    const fresh = new StoredRevisions(store, scope)
    for (const index of order) assert.equal((await fresh.read(index + 1)).config.digest, digests[index], `revision ${index + 1}`)
  }
  const names = (await new StoredRevisions(store, scope).read(61)).document.routes?.map(({ name }) => name)
  assert.deepEqual(names, routes.map(({ name }) => name), 'in the order in which they were written')
})

test('a revision written as one document is read as well', () => {
  const old = Buffer.from('{"routes":[{"match":{"path":"/a"},"name":"a"}],"secrets":{"env:A":"1"},"version":1}')
  assert.deepEqual(decodeBody(old), { base: 0, forcedRevision: 0, lines: ['["secrets/env:A","1"]', '["routes/a",{"match":{"path":"/a"},"name":"a"}]'] })
  const made = { base: 3, lines: ['["routes/a"]'], forcedRevision: 4 }
  assert.deepEqual(decodeBody(encodeBody(made)), made)
  assert.throws(() => decodeBody(Buffer.from('{"format":3,"base":0}\n')), /format that this version does not know/)
})
