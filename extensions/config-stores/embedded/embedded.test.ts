import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { openDatabase, UnhurriedTransactions } from '@sluice/databases/sqlite-database'
import { createFakeClock, runProcess, waitUntil } from '@sluice/testkit'
import { MAX_EVENTS } from '../config-store.ts'
import { commitOf, testConfigStore } from '../config-store.contract.ts'
import { createEmbeddedConfigStore } from './embedded.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-config-store-'))
after(() => rmSync(directory, { recursive: true, force: true }))

testConfigStore('embedded', {
  open: () => createEmbeddedConfigStore({ directory: join(directory, 'contract', 'made') }),
  openPeer: async (first) => first,
})

describe('the embedded config store', () => {
  const unreachable = (text: RegExp) => (error: unknown) => (error as { code?: string }).code === 'dependency.store_unreachable' && text.test(String(error))

  test('what was committed is there after closing and opening again', async () => {
    const file = join(directory, 'reopened.sqlite')
    const first = await createEmbeddedConfigStore({ file })
    const commit = commitOf('default', 0)
    await first.commit(commit)
    await first.close()
    const second = await createEmbeddedConfigStore({ file })
    assert.equal((await second.head('default'))?.changeId, commit.changeId)
    assert.deepEqual(await second.commit(commitOf('default', 1)), { outcome: 'committed', revision: 2 })
    await second.close()
  })

  test('a second store on the same file is refused with a reason, and not once the first is closed', async () => {
    const file = join(directory, 'shared.sqlite')
    const first = await createEmbeddedConfigStore({ file })
    await assert.rejects(createEmbeddedConfigStore({ file, busyMs: 0 }), unreachable(/shared\.sqlite.*another process has it open/))
    await first.close()
    await (await createEmbeddedConfigStore({ file, busyMs: 0 })).close()
  })

  test('a second process on the same file is refused with a reason', async (t) => {
    const file = join(directory, 'processes.sqlite')
    const store = await createEmbeddedConfigStore({ file })
    const other = await openInChild(t, file)
    await store.close()
    assert.match(other, /another process has it open/)
    assert.match(await openInChild(t, file), /opened/)
  })

  test('an audit entry that returned survives the kill of its process', async (t) => {
    const file = join(directory, 'audited.sqlite')
    await runChild(t, `
      const store = await createEmbeddedConfigStore({ file: ${JSON.stringify(file)} })
      await store.appendAudit({ scope: 's', atMs: Date.now(), actor: 'ann', action: 'PUT /v1/routes/r', outcome: 'revision 1' })
      process.kill(process.pid, 'SIGKILL')`)
    const store = await createEmbeddedConfigStore({ file })
    assert.deepEqual((await store.listAudit('s', { limit: 10 })).map(({ actor, outcome }) => [actor, outcome]), [['ann', 'revision 1']])
    await store.close()
  })

  test('of commits made one from the other, nobody hears of one before it is on the disk, and then of all in order', async () => {
    const store = await createEmbeddedConfigStore({ file: join(directory, 'written.sqlite') })
    const heard: number[] = []
    const watch = store.watch('s', ({ revision }) => heard.push(revision))
    const written = []
    for (let head = 0; head < 20; head++) written.push(await store.write!(commitOf('s', head)))
    assert.deepEqual(written.map(({ outcome }) => outcome), Array.from({ length: 20 }, (_, index) => ({ outcome: 'committed', revision: index + 1 })))
    assert.deepEqual([await store.head('s'), await store.list('s', { limit: 10 }), heard], [undefined, [], []])
    const late = await store.write!(commitOf('s', 3))
    assert.deepEqual(late.outcome, { outcome: 'conflict', head: 20 })
    assert.equal((await store.read('s', 20))?.revision, 20)
    await written.at(-1)!.kept
    assert.deepEqual([(await store.head('s'))?.revision, (await store.list('s', { limit: 1 }))[0]?.revision], [20, 20])
    await waitUntil(() => heard.length === 20)
    assert.deepEqual(heard, Array.from({ length: 20 }, (_, index) => index + 1))
    watch.stop()
    await store.close()
  })

  test('what cannot be flushed in the log is written into the database itself', async () => {
    const file = join(directory, 'checkpointed.sqlite')
    const database = openDatabase(file, ['CREATE TABLE kept (value TEXT)'], 0)
    const unhurried = new UnhurriedTransactions(database, join(directory, 'no-such-file'))
    unhurried.run(() => database.exec(`INSERT INTO kept VALUES ('this')`))
    assert.ok(statSync(`${file}-wal`).size > 0)
    await unhurried.flushed()
    assert.equal(statSync(`${file}-wal`).size, 0)
    database.close()
    await assert.rejects(unhurried.flushed())
    await unhurried.stop()
  })

  test('a commit that returned survives the kill of its process', async (t) => {
    const file = join(directory, 'killed.sqlite')
    await runChild(t, `
      const store = await createEmbeddedConfigStore({ file: ${JSON.stringify(file)} })
      for (let head = 0; head < 5; head++) await store.commit({ scope: 's', expectedHead: head, digest: '', changeId: 'c' + head, author: '',
        note: '', origin: 'api', fileDigest: '', committedAtMs: 0, body: new Uint8Array(100_000) })
      process.kill(process.pid, 'SIGKILL')`)
    const store = await createEmbeddedConfigStore({ file })
    assert.deepEqual((await store.list('s', { limit: 10 })).map((record) => record.revision), [5, 4, 3, 2, 1])
    assert.equal((await store.read('s', 5))?.body.length, 100_000)
    await store.close()
  })

  test('a file that is no database, or that a newer version made, is refused and left as it was', async () => {
    const file = join(directory, 'not-a-store.sqlite')
    const text = 'this is a letter, and rather longer than the header of a database would be. '.repeat(20)
    writeFileSync(file, text)
    await assert.rejects(createEmbeddedConfigStore({ file }), unreachable(/it is no SQLite database/))
    assert.equal(readFileSync(file, 'utf8'), text)
    const newer = join(directory, 'newer.sqlite')
    await (await createEmbeddedConfigStore({ file: newer })).close()
    const database = new DatabaseSync(newer)
    database.exec('INSERT INTO schema_version VALUES (1000, 0)')
    database.close()
    await assert.rejects(createEmbeddedConfigStore({ file: newer }), unreachable(/schema version 1000.*newer version/))
  })

  test('the file can be read by its owner only', async () => {
    const file = join(directory, 'private.sqlite')
    const store = await createEmbeddedConfigStore({ file })
    await store.commit(commitOf('default', 0))
    assert.equal(statSync(file).mode & 0o077, 0)
    assert.equal(statSync(`${file}-wal`).mode & 0o077, 0)
    await store.close()
  })

  test('calls after closing reject with the store’s code', async () => {
    const store = await createEmbeddedConfigStore({ file: join(directory, 'closed.sqlite') })
    await store.close()
    await store.close()
    for (const call of [store.head('s'), store.commit(commitOf('s', 0)), store.ping()]) {
      await assert.rejects(call, { code: 'dependency.store_unreachable' })
    }
  })

  test('old audit entries and edges not heard of for long are let go', async () => {
    const clock = createFakeClock()
    const store = await createEmbeddedConfigStore({ file: join(directory, 'old.sqlite'), auditRetentionDays: 2, edgeRetentionDays: 1 }, { clock })
    const audit = () => store.appendAudit({ scope: 's', atMs: clock.now(), actor: '', action: '', outcome: '' })
    await audit()
    await store.saveEdge('s', { name: 'silent', instance: 'i', lastHeartbeatMs: clock.now() })
    clock.advance(1.5 * 86_400_000)
    await audit()
    assert.equal((await store.listAudit('s', { limit: 10 })).length, 2)
    assert.deepEqual(await store.edges('s'), [])
    clock.advance(86_400_000)
    await audit()
    assert.equal((await store.listAudit('s', { limit: 10 })).length, 2)
    await store.close()
  })

  test('old events are let go, and those beyond the most that are kept', async () => {
    const clock = createFakeClock()
    const store = await createEmbeddedConfigStore({ file: join(directory, 'events.sqlite'), eventRetentionDays: 1 }, { clock })
    const tell = (key: string) => store.appendEvent({ scope: 's', atMs: clock.now(), key, body: '' })
    await tell('old')
    clock.advance(1.5 * 86_400_000)
    await tell('new')
    assert.deepEqual((await store.listEvents('s', { limit: 10 })).map(({ key }) => key), ['new'])
    await store.close()
    const database = new DatabaseSync(join(directory, 'events.sqlite'))
    const insert = database.prepare('INSERT INTO event VALUES (?, ?, ?, ?)')
    database.exec('BEGIN')
    for (let index = 1; index <= MAX_EVENTS + 5; index++) insert.run('s', clock.now() + index, `k${index}`, '')
    database.exec('COMMIT')
    database.close()
    const again = await createEmbeddedConfigStore({ file: join(directory, 'events.sqlite') }, { clock })
    clock.advance(MAX_EVENTS + 10)
    await again.appendEvent({ scope: 's', atMs: clock.now(), key: 'newest', body: '' })
    const kept = await again.listEvents('s', { limit: 2 * MAX_EVENTS })
    assert.deepEqual([kept.length, kept[0]?.key, kept.at(-1)?.key], [MAX_EVENTS, 'newest', 'k7'])
    await again.close()
  })

  test('wrong settings are named, all at once', async () => {
    await assert.rejects(createEmbeddedConfigStore({ busyMs: -1, auditRetentionDays: 0, file: 'x' }), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'config.invalid')
      assert.match(error.message, /busyMs.*auditRetentionDays/s)
      return true
    })
    await assert.rejects(createEmbeddedConfigStore({}), /exactly one of directory and file/)
    await assert.rejects(createEmbeddedConfigStore({ file: 'a', directory: 'b' }), /exactly one of directory and file/)
  })
})

function openInChild(t: TestContext, file: string): Promise<string> {
  return runChild(t, `
    try {
      const store = await createEmbeddedConfigStore({ file: ${JSON.stringify(file)}, busyMs: 0 })
      await store.close()
      console.log('opened')
    } catch (error) { console.log(error.message) }`)
}

/** What a process that runs `script` with the store's module at hand printed. */
async function runChild(t: TestContext, script: string): Promise<string> {
  const module = JSON.stringify(fileURLToPath(new URL('./embedded.ts', import.meta.url)))
  const source = `const { createEmbeddedConfigStore } = await import(${module})\n${script}`
  const exit = await runProcess(t, process.execPath, ['--input-type=module', '--eval', source])
  return exit.stdout
}
