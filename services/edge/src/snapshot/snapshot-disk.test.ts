import assert from 'node:assert/strict'
import { mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import type { ConfigRevision } from '@sluice/buses/config-feed'
import { SegmentedConfig } from '@sluice/proto/config'
import { SnapshotDisk } from './snapshot-disk.ts'

const routes = (count: number) => Array.from({ length: count }, (_, index) => [`routes/r${index}`, { name: `r${index}`, match: { path: `/${index}` } }] as const)
const first: ConfigRevision = { revision: 1, config: SegmentedConfig.of(routes(20)), forcedRevision: 0 }

/** The next revision: one route with another text of so many characters. */
function next({ revision, config }: ConfigRevision, size = 10): ConfigRevision {
  const line = JSON.stringify([`routes/r${revision % 20}`, { name: `r${revision % 20}`, match: { path: `/${revision}${'x'.repeat(size)}` } }])
  return { revision: revision + 1, config: config.with([line]), forcedRevision: revision === 3 ? 4 : 0 }
}

async function directoryOf(t: TestContext): Promise<string> {
  const directory = join(await mkdtemp(join(tmpdir(), 'sluice-disk-')), 'snapshots')
  t.after(() => rm(join(directory, '..'), { recursive: true, force: true }))
  return directory
}

function diskOf(t: TestContext, directory: string) {
  const errors: string[] = []
  const disk = new SnapshotDisk(directory, undefined, (error) => void errors.push(String(error)))
  t.after(() => disk.close())
  return { disk, errors }
}

/** What an edge would start from. */
async function startedFrom(directory: string) {
  const damaged: string[] = []
  const found = await new SnapshotDisk(directory, undefined, (error) => assert.fail(String(error))).newest((file) => void damaged.push(file))
  return { revision: found?.revision, digest: found?.config.digest, forcedRevision: found?.forcedRevision, damaged: damaged.map((file) => file.replace(/-[0-9a-f]{64}/, '')) }
}

/** Saves one revision after the other and answers the last. */
async function saveAll(disk: SnapshotDisk, from: ConfigRevision, count: number, size?: number): Promise<ConfigRevision> {
  let revision = from
  await disk.save(revision)
  for (let index = 0; index < count; index++) await disk.save((revision = next(revision, size)))
  return revision
}

const filesIn = async (directory: string) => (await readdir(directory)).map((file) => file.replace(/-[0-9a-f]{64}/, '')).sort()
const pathOf = async (directory: string, name: string) => join(directory, (await readdir(directory)).find((file) => file.replace(/-[0-9a-f]{64}/, '') === name)!)

test('the newest revision is there for whoever starts, although nobody closed the files', async (t) => {
  const directory = await directoryOf(t)
  const { disk, errors } = diskOf(t, directory)
  assert.equal(await disk.newest(assert.fail), undefined)
  const last = await saveAll(disk, first, 5)
  assert.deepEqual(await startedFrom(directory), { revision: 6, digest: last.config.digest, forcedRevision: 0, damaged: [] })
  assert.deepEqual(await filesIn(directory), ['1.changes', '1.whole'])
  assert.deepEqual(errors, [])
})

test('what a revision says of force is kept with it', async (t) => {
  const directory = await directoryOf(t)
  const { disk } = diskOf(t, directory)
  await saveAll(disk, first, 3)
  assert.equal((await startedFrom(directory)).forcedRevision, 4)
})

test('of revisions that come while one is written the newest is kept', async (t) => {
  const directory = await directoryOf(t)
  const { disk } = diskOf(t, directory)
  let revision = first
  const saves = [disk.save(revision)]
  for (let index = 0; index < 50; index++) saves.push(disk.save((revision = next(revision))))
  await Promise.all(saves)
  assert.equal((await startedFrom(directory)).revision, 51)
})

test('a log that is cut short anywhere is taken up to its last whole record, and told', async (t) => {
  const directory = await directoryOf(t)
  const { disk } = diskOf(t, directory)
  await saveAll(disk, first, 4)
  const log = await pathOf(directory, '1.changes')
  const whole = await readFile(log)
  const ends = [0]
  for (let revision = 2; revision <= 5; revision++) ends.push(whole.indexOf(`{"revision":${revision + 1},`) === -1 ? whole.length : whole.indexOf(`{"revision":${revision + 1},`))
  for (let length = whole.length; length >= 0; length--) {
    await truncate(log, length)
    const records = ends.filter((end) => end > 0 && end <= length).length
    const { revision, damaged } = await startedFrom(directory)
    assert.deepEqual({ length, revision, damaged }, { length, revision: 1 + records, damaged: ends.includes(length) ? [] : ['1.changes'] })
  }
})

test('a bit that has changed in a log or in a whole revision is noticed, and what was before it is taken', async (t) => {
  const directory = await directoryOf(t)
  const { disk } = diskOf(t, directory)
  await saveAll(disk, first, 4)
  const log = await pathOf(directory, '1.changes')
  const sound = await readFile(log)
  const place = sound.indexOf('"path":"/3')
  const damaged = Buffer.from(sound)
  damaged[place + 9]! ^= 1
  await writeFile(log, damaged)
  assert.deepEqual([(await startedFrom(directory)).revision, (await startedFrom(directory)).damaged], [3, ['1.changes']])

  await writeFile(log, sound)
  const later = diskOf(t, directory).disk
  const fifth = (await later.newest(assert.fail))!
  await saveAll(later, fifth, 2)
  const newer = await pathOf(directory, '5.whole')
  const bytes = await readFile(newer)
  bytes[bytes.length >> 1]! ^= 1
  await writeFile(newer, bytes)
  assert.deepEqual([(await startedFrom(directory)).revision, (await startedFrom(directory)).damaged], [5, ['5.whole']])
})

test('a log that has grown too long gives way to a whole revision, and three of those stay', async (t) => {
  const directory = await directoryOf(t)
  const { disk } = diskOf(t, directory)
  const last = await saveAll(disk, first, 60, 10_000)
  const files = await filesIn(directory)
  assert.equal(files.filter((file) => file.endsWith('.whole')).length, 3)
  assert.ok(files.length <= 6, files.join(' '))
  assert.deepEqual(await startedFrom(directory), { revision: 61, digest: last.config.digest, forcedRevision: 0, damaged: [] })
})

test('a revision that was given up is not started from, whether it lies whole or in a log, and what follows is kept', async (t) => {
  const directory = await directoryOf(t)
  const { disk, errors } = diskOf(t, directory)
  const third = await saveAll(disk, first, 2)
  const fourth = next(third)
  await disk.save(fourth)
  const dropped = disk.drop(fourth)
  await Promise.all([dropped, disk.save(third)])
  assert.equal((await startedFrom(directory)).revision, 3)
  const fifth: ConfigRevision = { ...next(next(third, 20)), revision: 5 }
  await disk.save(fifth)
  assert.deepEqual([(await startedFrom(directory)).revision, (await startedFrom(directory)).digest], [5, fifth.config.digest])

  const again = diskOf(t, directory).disk
  await again.save(fifth)
  await again.drop(fifth)
  assert.equal((await startedFrom(directory)).revision, 3)
  assert.deepEqual(errors, [])
})

test('a disk that takes nothing is told, and once it does the next revision is kept whole', async (t) => {
  const directory = await directoryOf(t)
  const { disk, errors } = diskOf(t, directory)
  await writeFile(directory, 'in the way')
  await disk.save(first)
  assert.equal(errors.length, 1)
  await rm(directory)
  await disk.save(next(first))
  assert.deepEqual([(await startedFrom(directory)).revision, await filesIn(directory)], [2, ['2.whole']])
})
