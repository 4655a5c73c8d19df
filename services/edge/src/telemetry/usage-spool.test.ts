import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { answer } from '@sluice/buses/rpc'
import { SluiceError } from '@sluice/errors'
import { UsageBatchReplySchema, UsageBatchSchema, type UsageBatch } from '@sluice/proto/messages/analytics'
import { subjects } from '@sluice/proto/subjects'
import { createLogger, MetricsRegistry, systemClock } from '@sluice/service-kit'
import { waitUntil } from '@sluice/testkit'
import { finished } from './test/finished.ts'
import { UsageGatherer } from './usage-gatherer.ts'
import type { UsagePart } from './usage-part.ts'
import { UsageSpool, type UsageSpoolParts } from './usage-spool.ts'

const scope = 'default'

/** What a worker delivers for `requests` exchanges. */
function partOf(requests: number, overrides: Parameters<typeof finished>[0] = {}): UsagePart {
  const usage = new UsageGatherer(1000)
  for (let i = 0; i < requests; i++) usage.add(finished(overrides), Date.now())
  return usage.collect()!
}

interface Setting {
  readonly bus: Bus
  readonly directory: string
  readonly log: string[]
  open(overrides?: Partial<UsageSpoolParts>): Promise<UsageSpool>
}

async function setUp(t: TestContext): Promise<Setting> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-spool-'))
  const bus = (await busNamed('local').load()).createLocalBus()
  const log: string[] = []
  const logger = createLogger('edge', { destination: { write: (line) => void log.push(line) } })
  const open = async (overrides: Partial<UsageSpoolParts> = {}) => {
    const spool = new UsageSpool({ bus, scope, edge: 'edge-1', directory, clock: systemClock, logger, batchMs: 20, ...overrides })
    await spool.start()
    t.after(() => spool.stop({ deadlineMs: 0 }))
    return spool
  }
  t.after(async () => {
    await bus.drain(100)
    rmSync(directory, { recursive: true, force: true })
  })
  return { bus, directory, log, open }
}

/** Analytics that keeps each batch once, and fails as often as it is told to. */
function startAnalytics(bus: Bus, failures: SluiceError[] = []): { batches: UsageBatch[]; requests(boot?: string): number; stop(): void } {
  const batches: UsageBatch[] = []
  const subscription = answer(bus, subjects.usageBatch(scope), { request: UsageBatchSchema, reply: UsageBatchReplySchema }, (batch) => {
    const failure = failures.shift()
    if (failure !== undefined) throw failure
    if (!batches.some(({ boot, sequence }) => boot === batch.boot && sequence === batch.sequence)) batches.push(batch)
    return { storedSequence: batch.sequence }
  })
  const requests = (boot?: string) =>
    batches.filter((batch) => boot === undefined || batch.boot === boot).reduce((sum, { counts }) => sum + counts.reduce((inner, count) => inner + count.requests, 0), 0)
  return { batches, requests, stop: () => subscription.unsubscribe() }
}

const sequencesOf = (batches: readonly UsageBatch[]) => batches.map(({ sequence }) => sequence)

suite('the usage spool', () => {
  test('parts of several workers become one batch, numbered from 1', async (t) => {
    const { bus, open } = await setUp(t)
    const analytics = startAnalytics(bus)
    const spool = await open({ batchMs: 200 })
    spool.add(partOf(3))
    spool.add(partOf(2, { status: 500 }))
    spool.add(partOf(4))
    await waitUntil(() => analytics.requests() === 9)
    const [batch] = analytics.batches
    assert.deepEqual([batch!.boot, batch!.edge, batch!.sequence, batch!.cumulativeRequests], [spool.boot, 'edge-1', 1, 9])
    assert.deepEqual(batch!.counts.map(({ status, requests }) => [status, requests]), [[200, 7], [500, 2]])
    assert.equal(batch!.events.length, 9)
  })

  test('batches follow without a gap, and what each boot has had in all is told with each', async (t) => {
    const { bus, open } = await setUp(t)
    const analytics = startAnalytics(bus)
    const spool = await open()
    for (let i = 1; i <= 5; i++) {
      spool.add(partOf(1))
      await waitUntil(() => analytics.requests() === i)
    }
    assert.deepEqual(sequencesOf(analytics.batches), analytics.batches.map((_, index) => index + 1))
    assert.equal(analytics.batches.at(-1)!.cumulativeRequests, 5)
  })

  test('while there is nothing, empty batches say up to when', async (t) => {
    const { bus, open } = await setUp(t)
    const analytics = startAnalytics(bus)
    await open({ idleMs: 50 })
    await waitUntil(() => analytics.batches.length >= 3)
    assert.equal(analytics.requests(), 0)
    const ends = analytics.batches.map(({ lastAtMs }) => lastAtMs)
    assert.ok(ends[0]! > 0 && ends[0]! < ends[2]! && ends[2]! <= Date.now())
  })

  test('what has gathered goes out several at a time, in order and no more than so many', async (t) => {
    const { bus, directory, open } = await setUp(t)
    const metrics = new MetricsRegistry()
    const spool = await open({ metrics, batchMs: 5 })
    const backlog = () => metrics.snapshot().find(({ name }) => name === 'sluice_usage_unsent_batches')!.series[0]!.value
    for (let i = 1; i <= 100; i++) {
      spool.add(partOf(1))
      await waitUntil(() => backlog() >= i)
    }
    const [waiting, arrived] = [[] as (() => void)[], [] as number[]]
    let answered = 0
    const subscription = answer(bus, subjects.usageBatch(scope), { request: UsageBatchSchema, reply: UsageBatchReplySchema }, async ({ sequence }) => {
      arrived.push(sequence)
      if (arrived.length > 1) await new Promise<void>((resolve) => waiting.push(resolve))
      answered++
      return { storedSequence: sequence }
    })
    t.after(() => subscription.unsubscribe())
    // The first goes ahead alone, since the one before it failed.
    await waitUntil(() => waiting.length === 32, { timeoutMs: 15_000, what: 'as many as may be on their way' })
    assert.deepEqual(arrived, Array.from({ length: 33 }, (_, index) => index + 1))
    // All but the oldest of them are stored; the next ones, and the files of all, wait for it.
    waiting.splice(1).forEach((go) => go())
    await waitUntil(() => answered === 32)
    assert.ok(readdirSync(join(directory, spool.boot)).length >= 99)
    assert.equal(arrived.length, 33)
    while (backlog() > 0) {
      waiting.splice(0).forEach((go) => go())
      await new Promise((resolve) => setImmediate(resolve))
    }
    assert.deepEqual(new Set(arrived).size, arrived.length, 'none was sent twice')
  })

  test('one of several that fails is sent again, alone first, and the others are not', async (t) => {
    const { bus, directory, open } = await setUp(t)
    const metrics = new MetricsRegistry()
    const spool = await open({ metrics, batchMs: 5 })
    const backlog = () => metrics.snapshot().find(({ name }) => name === 'sluice_usage_unsent_batches')!.series[0]!.value
    for (let i = 1; i <= 20; i++) {
      spool.add(partOf(1))
      await waitUntil(() => backlog() >= i)
    }
    const arrived: number[] = []
    let hasFailed = false
    const subscription = answer(bus, subjects.usageBatch(scope), { request: UsageBatchSchema, reply: UsageBatchReplySchema }, ({ sequence }) => {
      arrived.push(sequence)
      if (sequence === 5 && !hasFailed) {
        hasFailed = true
        throw new SluiceError('dependency.analytics_unreachable')
      }
      return { storedSequence: sequence }
    })
    t.after(() => subscription.unsubscribe())
    await waitUntil(() => hasFailed && backlog() === 0, { timeoutMs: 15_000 })
    assert.deepEqual(arrived.filter((sequence) => sequence <= 20).toSorted((a, b) => a - b), [...Array.from({ length: 20 }, (_, index) => index + 1), 5].toSorted((a, b) => a - b))
    await waitUntil(() => readdirSync(join(directory, spool.boot)).length <= 1)
  })

  test('while analytics is away batches wait on disk, and all arrive once it is there', async (t) => {
    const { bus, directory, open } = await setUp(t)
    const metrics = new MetricsRegistry()
    const spool = await open({ metrics })
    const backlog = () => metrics.snapshot().find(({ name }) => name === 'sluice_usage_unsent_batches')!.series[0]!.value
    for (let i = 1; i <= 3; i++) {
      spool.add(partOf(10))
      await waitUntil(() => backlog() >= i)
    }
    assert.ok(readdirSync(join(directory, spool.boot)).length >= 3)
    const analytics = startAnalytics(bus)
    await waitUntil(() => analytics.requests() === 30)
    await waitUntil(() => backlog() === 0)
    assert.deepEqual(sequencesOf(analytics.batches), analytics.batches.map((_, index) => index + 1))
  })

  test('a batch whose answer failed is sent again until it is stored', async (t) => {
    const { bus, open } = await setUp(t)
    const failures = [new SluiceError('dependency.store_unreachable'), new SluiceError('dependency.analytics_unreachable'), new SluiceError('internal.unexpected')]
    const analytics = startAnalytics(bus, failures)
    const spool = await open()
    spool.add(partOf(7))
    await waitUntil(() => analytics.requests() === 7)
    assert.equal(failures.length, 0)
  })

  test('what an earlier boot left is sent under its own name, before all else', async (t) => {
    const { bus, directory, open } = await setUp(t)
    const before = await open()
    before.add(partOf(5))
    await before.stop({ deadlineMs: 0 })
    const analytics = startAnalytics(bus)
    const after = await open()
    after.add(partOf(2))
    await waitUntil(() => analytics.requests() === 7)
    assert.deepEqual([analytics.requests(before.boot), analytics.requests(after.boot)], [5, 2])
    assert.equal(analytics.batches[0]!.boot, before.boot)
    await waitUntil(() => !readdirSync(directory).includes(before.boot))
  })

  test('stopping sends what was added', async (t) => {
    const { bus, open } = await setUp(t)
    const analytics = startAnalytics(bus)
    const spool = await open({ batchMs: 60_000 })
    spool.add(partOf(5))
    await spool.stop()
    assert.equal(analytics.requests(), 5)
  })

  test('usage of a process that was killed is there for the next one', async (t) => {
    const { bus, directory, open } = await setUp(t)
    const dead = await open({ batchMs: 60_000 })
    dead.add(partOf(5))
    const file = join(directory, dead.boot, '000000000001.usage')
    await waitUntil(() => readFileSync(file).length > 500)
    const analytics = startAnalytics(bus)
    await open()
    await waitUntil(() => analytics.requests(dead.boot) === 5)
    assert.equal(analytics.batches.find(({ boot }) => boot === dead.boot)!.cumulativeRequests, 5)
  })

  test('a file that was cut short gives what stands before the cut, at every byte', async (t) => {
    const { directory, open } = await setUp(t)
    const writer = await open({ batchMs: 60_000 })
    const file = join(directory, writer.boot, '000000000001.usage')
    writer.add(partOf(2))
    await waitUntil(() => readFileSync(file).length > 300)
    const oneRecord = readFileSync(file).length
    writer.add(partOf(3))
    await waitUntil(() => readFileSync(file).length > oneRecord)
    const whole = readFileSync(file)
    const { decodeFile } = await import('./spool-file.ts')
    const sums = new Set<string>()
    for (let length = 0; length < whole.length; length++) {
      const spooled = decodeFile(whole.subarray(0, length))
      const requests = spooled?.batch.counts.reduce((sum, count) => sum + count.requests, 0)
      if (length >= oneRecord) assert.equal(requests, 2, `cut at ${length}`)
      sums.add(String(requests))
    }
    assert.deepEqual([...sums], ['undefined', '0', '2'])
    assert.equal(decodeFile(whole)?.batch.cumulativeRequests, 5)
  })

  test('a file that is damaged or missing is said so, and its number is filled, so that the others count', async (t) => {
    const { bus, directory, log, open } = await setUp(t)
    const before = await open()
    for (let i = 1; i <= 3; i++) {
      before.add(partOf(1))
      await waitUntil(() => readdirSync(join(directory, before.boot)).length >= i)
    }
    await before.stop({ deadlineMs: 0 })
    const files = readdirSync(join(directory, before.boot)).sort()
    unlinkSync(join(directory, before.boot, files[1]!))
    truncateSync(join(directory, before.boot, files[2]!), 5)
    writeFileSync(join(directory, before.boot, 'notes.txt'), 'not ours')
    const analytics = startAnalytics(bus)
    await open()
    await waitUntil(() => sequencesOf(analytics.batches.filter(({ boot }) => boot === before.boot)).length === files.length)
    assert.equal(log.filter((line) => line.includes('a usage batch was lost')).length, 2)
  })

  test('a batch that analytics refuses for good is put aside and does not hold up the others', async (t) => {
    const { bus, directory, log, open } = await setUp(t)
    const analytics = startAnalytics(bus, [new SluiceError('client.bad_request', { detail: 'no' })])
    const spool = await open()
    spool.add(partOf(1))
    await waitUntil(() => readdirSync(join(directory, spool.boot)).some((name) => name.endsWith('.refused')))
    spool.add(partOf(2))
    await waitUntil(() => analytics.requests() === 2)
    assert.ok(log.some((line) => line.includes('was put aside')))
    assert.equal(analytics.batches[0]!.sequence, 1)
  })

  test('above its size events are dropped and counted, counts never', async (t) => {
    const { bus, directory, open } = await setUp(t)
    const spool = await open({ maxBytes: 20_000 })
    spool.add(partOf(300))
    await waitUntil(() => readdirSync(join(directory, spool.boot)).length >= 2)
    for (let i = 0; i < 20; i++) spool.add(partOf(300))
    const analytics = startAnalytics(bus)
    await waitUntil(() => analytics.requests() === 21 * 300)
    const events = analytics.batches.reduce((sum, batch) => sum + batch.events.length, 0)
    const { cumulativeRequests, cumulativeDroppedEvents } = analytics.batches.at(-1)!
    assert.deepEqual([events, cumulativeRequests, cumulativeDroppedEvents], [300, 6300, 6000])
  })

  test('however much comes in a second, each batch passes the bus', async (t) => {
    const { bus, open } = await setUp(t)
    const analytics = startAnalytics(bus)
    const spool = await open({ batchMs: 200 })
    for (let i = 0; i < 20; i++) spool.add(partOf(1000, { consumer: `consumer-${i}`, path: '/x', template: '/'.padEnd(200, 'x'), endpoint: 'e'.repeat(200) }))
    await waitUntil(() => analytics.batches.reduce((sum, batch) => sum + batch.events.length, 0) === 20_000)
    assert.equal(analytics.requests(), 20_000)
    assert.ok(analytics.batches.length > 10)
    assert.equal(bus.counts.dropped, 0)
  })

  test('while the disk takes nothing usage waits in memory, and is written once it does', async (t) => {
    const { bus, directory, log, open } = await setUp(t)
    const analytics = startAnalytics(bus)
    const spool = await open()
    const obstacle = join(directory, spool.boot)
    rmSync(obstacle, { recursive: true, force: true })
    writeFileSync(obstacle, '')
    spool.add(partOf(3))
    await waitUntil(() => log.some((line) => line.includes('cannot be written') || line.includes('cannot be completed')))
    spool.add(partOf(4))
    rmSync(obstacle)
    mkdirSync(obstacle)
    await waitUntil(() => analytics.requests() === 7)
  })
})
