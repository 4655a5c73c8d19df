import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import type { AnalyticsStore } from '@sluice/analytics-stores/analytics-store'
import { SluiceError } from '@sluice/errors'
import { UsageBatchSchema, type UsageBatch } from '@sluice/proto/messages/analytics'
import { MetricsRegistry } from '@sluice/service-kit'
import { waitUntil } from '@sluice/testkit'
import { Intake } from './intake.ts'

function batch(sequence: number, rows = 0): UsageBatch {
  const counts = Array.from({ length: rows }, () => ({ requests: 1 }))
  return create(UsageBatchSchema, { scope: 'default', edge: 'edge-1', boot: 'boot-1', sequence, counts })
}

function setUp(append: (batches: readonly UsageBatch[]) => Promise<void>) {
  const groups: number[][] = []
  const problems: unknown[] = []
  const store = {
    async append(batches: readonly UsageBatch[]) {
      groups.push(batches.map(({ sequence }) => sequence))
      await append(batches)
    },
  } as unknown as AnalyticsStore
  return { groups, problems, intake: new Intake(store, new MetricsRegistry(), (error) => problems.push(error)) }
}

const codes = async (taken: Promise<void>[]) => (await Promise.allSettled(taken)).map((result) => (result.status === 'fulfilled' ? 'stored' : (result.reason as SluiceError).code))

suite('the intake of usage batches', () => {
  test('batches that come close together are written together', async () => {
    const { groups, intake } = setUp(async () => {})
    await Promise.all([1, 2, 3].map((sequence) => intake.take(batch(sequence))))
    assert.deepEqual(groups, [[1, 2, 3]])
  })

  test('what comes while a group is being written is the next group', async () => {
    const gate = Promise.withResolvers<void>()
    const { groups, intake } = setUp(() => gate.promise)
    const first = intake.take(batch(1))
    await waitUntil(() => groups.length === 1)
    const others = [2, 3].map((sequence) => intake.take(batch(sequence)))
    gate.resolve()
    await Promise.all([first, ...others])
    assert.deepEqual(groups, [[1], [2, 3]])
  })

  test('a batch is answered only after the store has it', async () => {
    const gate = Promise.withResolvers<void>()
    const { groups, intake } = setUp(() => gate.promise)
    let isAnswered = false
    const taken = intake.take(batch(1)).then(() => (isAnswered = true))
    await waitUntil(() => groups.length === 1)
    assert.equal(isAnswered, false)
    gate.resolve()
    await taken
  })

  test('a store that fails fails the whole group, with its code, and the next group is tried', async () => {
    let isAway = true
    const { problems, intake } = setUp(async () => {
      if (isAway) throw new SluiceError('dependency.store_unreachable')
    })
    assert.deepEqual(await codes([intake.take(batch(1)), intake.take(batch(2))]), ['dependency.store_unreachable', 'dependency.store_unreachable'])
    isAway = false
    assert.deepEqual(await codes([intake.take(batch(1))]), ['stored'])
    assert.deepEqual(problems.map((problem) => problem === undefined), [false, false, true])
  })

  test('of a group with one that makes no sense the others are stored', async () => {
    const { intake } = setUp(async (batches) => {
      if (batches.some(({ sequence }) => sequence === 2)) throw new SluiceError('client.bad_request')
    })
    assert.deepEqual(await codes([1, 2, 3].map((sequence) => intake.take(batch(sequence)))), ['stored', 'client.bad_request', 'stored'])
  })

  test('when too much waits a batch is refused, so that its edge keeps it', async () => {
    const gate = Promise.withResolvers<void>()
    const { intake } = setUp(() => gate.promise)
    const taken = Array.from({ length: 6 }, (_, index) => intake.take(batch(index + 1, 99_999)))
    gate.resolve()
    assert.deepEqual(await codes(taken), ['stored', 'stored', 'stored', 'stored', 'stored', 'dependency.analytics_unreachable'])
    assert.deepEqual(await codes([intake.take(batch(6, 99_999))]), ['stored'])
  })

  test('flushing writes what waits, at once', async () => {
    const { groups, intake } = setUp(async () => {})
    const taken = Array.from({ length: 1200 }, (_, index) => intake.take(batch(index + 1)))
    await intake.flush()
    assert.equal(groups.flat().length, 1200)
    await Promise.all(taken)
  })
})
