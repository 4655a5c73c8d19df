import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test, type TestContext } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createFakeClock, runProcess, startProcess, waitUntil } from '@sluice/testkit'
import type { AnalyticsStore } from '../analytics-store.ts'
import { batchOf, countOf, eventOf, HOUR_MS, START_MS, testAnalyticsStore } from '../analytics-store.contract.ts'
import { createDuckdbAnalyticsStore } from './duckdb.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-analytics-store-'))
after(() => rmSync(directory, { recursive: true, force: true }))
const fileOf = (name: string) => join(directory, `${name}.duckdb`)

testAnalyticsStore('duckdb', { open: (parts) => createDuckdbAnalyticsStore({ file: join(directory, 'made', 'contract.duckdb') }, parts) })

describe('the duckdb analytics store', () => {
  const DAY_MS = 24 * HOUR_MS
  const storeModule = JSON.stringify(fileURLToPath(new URL('./duckdb.ts', import.meta.url)))
  const nothing = { items: [], watermarkMs: 0 }

  test('DuckDB is not loaded before the first call', async (t) => {
    const script = `
      const { createDuckdbAnalyticsStore } = await import(${storeModule})
      const isLoaded = () => process.report.getReport().sharedObjects.some((name) => /duckdb/.test(name))
      const store = await createDuckdbAnalyticsStore({ file: ${JSON.stringify(fileOf('lazy'))} })
      const before = isLoaded()
      await store.storedSequence('s', 'e', 'b')
      console.log(before, isLoaded())
      await store.close()`
    const exit = await runProcess(t, process.execPath, ['--input-type=module', '--eval', script])
    assert.equal(exit.stdout, 'false true\n')
  })

  test('what was stored is there after closing and opening again, and known', async () => {
    const file = fileOf('reopened')
    const batches = [batchOf('s', 1, { counts: [countOf()], events: [eventOf()] }), batchOf('s', 3, { counts: [countOf()] })]
    const first = await createDuckdbAnalyticsStore({ file })
    await first.append(batches)
    await first.close()
    const second = await createDuckdbAnalyticsStore({ file })
    await second.append([...batches, batchOf('s', 2, { counts: [countOf()] })])
    assert.equal(await second.storedSequence('s', 'e1', 'b1'), 3)
    assert.equal((await second.usage('s', START_MS, START_MS + 1)).items[0]?.requests, 3)
    await second.close()
  })

  test('a writer that is killed again and again, and sends again what was not answered, counts each batch once', async (t) => {
    const file = fileOf('killed')
    let answered = 0
    for (let round = 0; round < 4; round++) answered = Math.max(answered, await writeUntilKilled(t, file, answered + 1))
    assert.ok(answered >= 40, `only ${answered} batches were answered`)
    const store = await createDuckdbAnalyticsStore({ file })
    const stored = await store.storedSequence('s', 'e1', 'b1')
    assert.ok(stored >= answered, `${answered} were answered, ${stored} are stored`)
    const { items } = await store.topRoutes('s', START_MS, START_MS + 1, 10)
    assert.deepEqual(items.map((item) => [item.route, item.requests]), [['users', stored * 7]])
    await store.close()
  })

  /** Starts a process that writes batches from `from` on, kills it in the middle, and returns the last one it saw stored. */
  async function writeUntilKilled(t: TestContext, file: string, from: number): Promise<number> {
    const script = `
      const { createDuckdbAnalyticsStore } = await import(${storeModule})
      const batchOf = (sequence) => ({ scope: 's', edge: 'e1', boot: 'b1', sequence, firstAtMs: ${START_MS}, lastAtMs: ${START_MS} + sequence, cumulativeRequests: 0,
        cumulativeDroppedEvents: 0, events: [], counts: [{ hourMs: ${START_MS}, consumer: 'acme', route: 'users', status: 200, refused: false, requests: 7, bytesIn: 0, bytesOut: 0 }] })
      const store = await createDuckdbAnalyticsStore({ file: ${JSON.stringify(file)} })
      for (let sequence = ${from}; ; sequence += 2) {
        await store.append([batchOf(sequence), batchOf(sequence + 1)])
        console.log(sequence + 1)
      }`
    const writer = startProcess(t, process.execPath, ['--input-type=module', '--eval', script])
    const lastAnswered = () => Number(writer.stdout().trim().split('\n').at(-1) ?? 0)
    await waitUntil(() => lastAnswered() >= from + 10 || writer.child.exitCode !== null, { timeoutMs: 20_000 })
    writer.signal('SIGKILL')
    await writer.exited
    assert.equal(writer.stderr(), '')
    return lastAnswered()
  }

  test('an append that cannot be stored rejects alone, what is written beside it stays', async () => {
    const store = await createDuckdbAnalyticsStore({ file: fileOf('alone') })
    await store.append([batchOf('s', 1)])
    // An integer too large for its column passes for a count and fails in the database.
    const poison = batchOf('s', 2, { counts: [countOf({ status: 2 ** 40 })] })
    const results = await Promise.allSettled([store.append([batchOf('s', 3, { counts: [countOf()] })]), store.append([poison]), store.append([batchOf('s', 4, { counts: [countOf()] })])])
    assert.deepEqual(results.map((result) => result.status), ['fulfilled', 'rejected', 'fulfilled'])
    await store.append([batchOf('s', 2, { counts: [countOf()] })])
    assert.equal(await store.storedSequence('s', 'e1', 'b1'), 4)
    assert.equal((await store.usage('s', START_MS, START_MS + 1)).items[0]?.requests, 3)
    await store.close()
  })

  test('batches beyond those that may wait are refused', async () => {
    const store = await createDuckdbAnalyticsStore({ file: fileOf('full'), maxWaitingBatches: 2 })
    const results = await Promise.allSettled([1, 2, 3, 4].map((sequence) => store.append([batchOf('s', sequence)])))
    assert.deepEqual(results.map((result) => result.status), ['fulfilled', 'fulfilled', 'rejected', 'rejected'])
    assert.equal(await store.storedSequence('s', 'e1', 'b1'), 2)
    await store.append([batchOf('s', 3)])
    await store.close()
  })

  test('old events and old usage are deleted, and the oldest events when there are too many', async () => {
    const clock = createFakeClock(START_MS)
    const store = await createDuckdbAnalyticsStore({ file: fileOf('old'), eventRetentionDays: 2, usageRetentionDays: 5, maxEvents: 1000, trimEverySeconds: 60 }, { clock })
    const p50 = async (scope: string) => (await store.topRoutes(scope, 0, Number.MAX_SAFE_INTEGER, 1)).items[0]?.p50Ms
    await store.append([batchOf('s', 1, { counts: [countOf()], events: [eventOf({ totalMs: 80 })] })])
    assert.equal(await p50('s'), 80)
    clock.advance(3 * DAY_MS)
    await store.append([batchOf('s', 2)])
    await waitUntil(async () => (await p50('s')) === 0)
    assert.equal((await store.usage('s', 0, START_MS + 1)).items.length, 1)
    clock.advance(3 * DAY_MS)
    await store.append([batchOf('s', 3)])
    await waitUntil(async () => (await store.usage('s', 0, START_MS + 1)).items.length === 0)
    const events = Array.from({ length: 3000 }, (_, index) => eventOf({ atMs: clock.now() + index, totalMs: index }))
    await store.append([batchOf('many', 1, { counts: [countOf({ hourMs: clock.now() })], events })])
    clock.advance(61_000)
    await store.append([batchOf('many', 2)])
    await waitUntil(async () => Math.abs(((await p50('many')) ?? 0) - 2500) <= 1)
    assert.equal(await store.storedSequence('s', 'e1', 'b1'), 3)
    await store.close()
  })

  test('a batch stays known after what was kept of it is trimmed', async () => {
    const clock = createFakeClock(START_MS)
    const store = await createDuckdbAnalyticsStore({ file: fileOf('trimmed'), trimEverySeconds: 60 }, { clock })
    const batches = [1, 2, 3, 5].map((sequence) => batchOf('s', sequence, { counts: [countOf()] }))
    await store.append(batches)
    await store.append([batchOf('other', 1)])
    await store.close()
    const again = await createDuckdbAnalyticsStore({ file: fileOf('trimmed'), trimEverySeconds: 60 }, { clock })
    await again.append(batches)
    assert.equal(await again.storedSequence('s', 'e1', 'b1'), 3)
    assert.equal((await again.usage('s', START_MS, START_MS + 1)).items[0]?.requests, 4)
    await again.close()
  })

  test('a second store on the file, in this process or another, is refused with a reason', async (t) => {
    const file = fileOf('shared')
    const first = await createDuckdbAnalyticsStore({ file })
    await first.append([batchOf('s', 1)])
    const second = await createDuckdbAnalyticsStore({ file })
    await assert.rejects(second.storedSequence('s', 'e1', 'b1'), { code: 'dependency.store_unreachable', message: /shared\.duckdb.*open in this process already/ })
    assert.match(await appendInChild(t, file), /another process has it open/)
    await first.close()
    assert.equal(await second.storedSequence('s', 'e1', 'b1'), 1)
    await second.close()
    assert.match(await appendInChild(t, file), /stored/)
  })

  async function appendInChild(t: TestContext, file: string): Promise<string> {
    const script = `
      const { createDuckdbAnalyticsStore } = await import(${storeModule})
      const store = await createDuckdbAnalyticsStore({ file: ${JSON.stringify(file)} })
      await store.storedSequence('s', 'e1', 'b1').then(() => console.log('stored'), (error) => console.log(error.message))
      await store.close()`
    return (await runProcess(t, process.execPath, ['--input-type=module', '--eval', script])).stdout
  }

  test('a file that is no database, or that a newer version made, is refused and left as it was', async () => {
    const file = fileOf('letter')
    writeFileSync(file, 'this is a letter'.repeat(1000))
    const store = await createDuckdbAnalyticsStore({ file })
    await assert.rejects(store.append([batchOf('s', 1)]), { code: 'dependency.store_unreachable', message: /letter\.duckdb/ })
    assert.match(readFileSync(file, 'utf8'), /^(this is a letter)+$/)
    await store.close()
    const newer = fileOf('newer')
    await changeFile(newer, 'INSERT INTO schema_version VALUES (1000)')
    const refused = await createDuckdbAnalyticsStore({ file: newer })
    await assert.rejects(refused.usage('s', 0, 1), /newer version/)
    await refused.close()
  })

  async function changeFile(file: string, sql: string): Promise<void> {
    const store = await createDuckdbAnalyticsStore({ file })
    await store.append([batchOf('s', 1)])
    await store.close()
    const { DuckDBInstance } = await import('@duckdb/node-api')
    const instance = await DuckDBInstance.create(file)
    const connection = await instance.connect()
    await connection.run(sql)
    connection.closeSync()
    instance.closeSync()
  }

  test('a query that takes too long is broken off, and the store goes on', async () => {
    const file = fileOf('slow')
    await changeFile(file, `INSERT INTO access_event SELECT 's', 'e1', ${START_MS}, n, 'users', '', '', '', '', '', 200, '', 0, 0, hash(n) % 1000, 0, 0, 0 FROM range(500000) AS numbers(n)`)
    const store = await createDuckdbAnalyticsStore({ file, queryTimeoutMs: 1 })
    await store.append([batchOf('s', 2, { counts: [countOf()] })])
    await assert.rejects(store.topRoutes('s', START_MS, START_MS + 1, 1), { code: 'dependency.store_unreachable', message: /longer than 1 ms/ })
    await store.append([batchOf('s', 3)])
    await store.close()
    const patient = await createDuckdbAnalyticsStore({ file })
    assert.equal((await patient.topRoutes('s', START_MS, START_MS + 1, 1)).items[0]?.requests, 1)
    await patient.close()
  })

  test('the file can be read by its owner only', async () => {
    const store = await createDuckdbAnalyticsStore({ file: fileOf('private') })
    await store.append([batchOf('s', 1)])
    assert.equal(statSync(fileOf('private')).mode & 0o077, 0)
    await store.close()
  })

  test('closing writes what waits; calls after it reject', async () => {
    const store: AnalyticsStore = await createDuckdbAnalyticsStore({ file: fileOf('closed') })
    const waiting = store.append([batchOf('s', 1)])
    await store.close()
    await waiting
    for (const call of [store.append([batchOf('s', 2)]), store.usage('s', 0, 1), store.storedSequence('s', 'e1', 'b1')]) {
      await assert.rejects(call, { code: 'dependency.store_unreachable' })
    }
    const again = await createDuckdbAnalyticsStore({ file: fileOf('closed') })
    assert.equal(await again.storedSequence('s', 'e1', 'b1'), 1)
    assert.notDeepEqual(await again.usage('s', 0, 1), nothing)
    await again.close()
  })

  test('wrong settings are named', async () => {
    await assert.rejects(createDuckdbAnalyticsStore({ file: '', eventRetentionDays: 0 }), { code: 'config.invalid', message: /file.*eventRetentionDays/ })
  })
})
