import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { countersNamed } from '@sluice/counters'
import { createFakeClock } from '@sluice/testkit'
import { createQuota } from '../quota/quota.ts'
import { type Attempt, FailedAttempts } from './failed-attempts.ts'

async function attemptsOf(workers = 1) {
  const clock = createFakeClock()
  const { createMemoryCounters } = await countersNamed('memory').load()
  const shared = createMemoryCounters({}, { clock })
  const worker = () => {
    const quota = createQuota({ shared, own: createMemoryCounters({}, { clock }), openRequests: undefined as never, clock, scope: 's', workers: () => workers, onDegraded: () => {} })
    return new FailedAttempts({ limiter: (rules) => quota.limiter(rules), clock })
  }
  const all = Array.from({ length: workers }, worker)
  const fail = (times: number, attempt: Attempt, of = all[0]!) => {
    for (let index = 0; index < times; index++) of.failed('basic-auth', attempt)
  }
  return { clock, all, attempts: all[0]!, fail }
}

const here = '192.0.2.7'

suite('failed attempts', () => {
  test('a hundred of an address go by, then it waits, and others do not', async () => {
    const { attempts, fail } = await attemptsOf()
    fail(100, { address: here })
    assert.equal(attempts.waitMs({ address: here }), 0)
    fail(1, { address: here })
    assert.equal(attempts.waitMs({ address: here }), 1000)
    assert.equal(attempts.waitMs({ address: '192.0.2.8' }), 0)
  })

  test('each time it fails again the wait is twice as long, up to a minute', async () => {
    const { clock, attempts, fail } = await attemptsOf()
    fail(101, { address: here })
    const waits: number[] = []
    for (let turn = 0; turn < 8; turn++) {
      waits.push(attempts.waitMs({ address: here }))
      clock.advance(waits.at(-1)!)
      assert.equal(attempts.waitMs({ address: here }), 0)
      // What came back to its bucket meanwhile is spent first.
      fail(101, { address: here })
    }
    assert.deepEqual(waits, [1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000])
  })

  test('one a second is nothing to be slowed for', async () => {
    const { clock, attempts, fail } = await attemptsOf()
    for (let second = 0; second < 1000; second++) {
      fail(1, { address: here })
      assert.equal(attempts.waitMs({ address: here }), 0)
      clock.advance(1000)
    }
  })

  test('an address that stays away for ten minutes begins anew', async () => {
    const { clock, attempts, fail } = await attemptsOf()
    for (let turn = 0; turn < 4; turn++) {
      fail(101, { address: here })
      clock.advance(attempts.waitMs({ address: here }))
    }
    clock.advance(600_000)
    fail(101, { address: here })
    assert.equal(attempts.waitMs({ address: here }), 1000)
  })

  test('a user name that is guessed at from many addresses waits for everybody', async () => {
    const { attempts, fail } = await attemptsOf()
    for (let index = 0; index < 21; index++) fail(1, { address: `198.51.100.${index}`, id: 'acme' })
    assert.ok(attempts.waitMs({ address: here, id: 'acme' }) > 0)
    assert.equal(attempts.waitMs({ address: here, id: 'other' }), 0)
    assert.equal(attempts.waitMs({ address: here }), 0)
  })

  test('an id whose secret cannot be guessed waits only for addresses that failed themselves', async () => {
    const { attempts, fail } = await attemptsOf()
    for (let index = 0; index < 21; index++) fail(1, { address: `198.51.100.${index}`, id: 'k7f3', isUnguessable: true })
    assert.equal(attempts.waitMs({ address: here, id: 'k7f3', isUnguessable: true }), 0)
    assert.ok(attempts.waitMs({ address: '198.51.100.3', id: 'k7f3', isUnguessable: true }) > 0)
  })

  test('all addresses of one /64 are one', async () => {
    const { attempts, fail } = await attemptsOf()
    for (let index = 0; index < 101; index++) fail(1, { address: `2001:db8:0:1::${index.toString(16)}` })
    assert.ok(attempts.waitMs({ address: '2001:db8:0:1:ffff::1' }) > 0)
    assert.equal(attempts.waitMs({ address: '2001:db8:0:2::1' }), 0)
  })

  test('workers count together: what failed at one counts at the other', async () => {
    const { all: [one, two], fail } = await attemptsOf(2)
    fail(60, { address: here }, one)
    fail(41, { address: here }, two)
    assert.ok(two!.waitMs({ address: here }) > 0)
  })

  test('an attempt that has to wait is told for how long, in whole seconds', async () => {
    const { attempts, clock, fail } = await attemptsOf()
    assert.equal(attempts.refuse('jwt', { address: here }), undefined)
    fail(101, { address: here })
    clock.advance(1)
    assert.deepEqual(attempts.refuse('jwt', { address: here }), { outcome: 'throttled', retryAfterSeconds: 1 })
  })

  test('without an address nothing is counted and nobody waits', async () => {
    const { attempts, fail } = await attemptsOf()
    fail(500, { address: undefined, id: 'acme' })
    assert.equal(attempts.waitMs({ address: undefined, id: 'acme' }), 0)
    assert.equal(attempts.waitMs({ address: here, id: 'acme' }), 0)
  })

  test('a flood from ever new addresses opens nothing that is closed', async () => {
    const { attempts, fail } = await attemptsOf()
    fail(101, { address: here })
    for (let index = 0; index < 60_000; index++) fail(1, { address: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}` })
    assert.ok(attempts.waitMs({ address: here }) > 0)
  })
})
