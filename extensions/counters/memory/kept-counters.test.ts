import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { createFakeClock, runProcess, waitUntil } from '@sluice/testkit'
import { testCounters } from '../counter.contract.ts'
import type { LimitRule } from '../counter.ts'
import { createMemoryCounters } from './memory.ts'

const directory = mkdtempSync(join(tmpdir(), 'sluice-counters-'))
after(() => rmSync(directory, { recursive: true, force: true }))

const contractClock = createFakeClock()
const shared = createMemoryCounters({ file: join(directory, 'contract.sqlite') }, { clock: contractClock })
testCounters('memory, with a file', { open: async () => shared, pass: (ms) => contractClock.advance(ms), toleranceMs: 0, runs: 100 })

const dayMs = 86_400_000
const daily = (algorithm: 'fixed-window' | 'sliding-window', limit: number): LimitRule => ({ algorithm, limit, windowMs: dayMs })

describe('counters with a file', () => {
  for (const algorithm of ['fixed-window', 'sliding-window'] as const) {
    test(`what was counted over a day is there after a restart, and what is shorter is not: ${algorithm}`, async () => {
      const clock = createFakeClock()
      const file = join(directory, `${algorithm}.sqlite`)
      const hourly: LimitRule = { algorithm, limit: 10, windowMs: 3_600_000 }
      const before = createMemoryCounters({ file }, { clock })
      await before.take('a', daily(algorithm, 10), 4)
      await before.take('b', hourly, 4)
      await before.close()
      const again = createMemoryCounters({ file }, { clock })
      assert.equal((await again.peek('a', daily(algorithm, 10))).remaining, 6)
      assert.equal((await again.take('a', daily(algorithm, 10), 3)).remaining, 3)
      assert.equal((await again.peek('b', hourly)).remaining, 10)
      await again.close()
      clock.advance(2 * dayMs)
      const late = createMemoryCounters({ file }, { clock })
      assert.equal((await late.peek('a', daily(algorithm, 10))).remaining, 10)
      await late.close()
    })
  }

  test('what was given back or reset before a restart is not counted after it', async () => {
    const clock = createFakeClock()
    const file = join(directory, 'returned.sqlite')
    const before = createMemoryCounters({ file }, { clock })
    const rule = daily('fixed-window', 10)
    for (const key of ['returned', 'reset']) await before.take(key, rule, 5)
    await before.giveBack('returned', rule, 2)
    await before.close()
    const between = createMemoryCounters({ file }, { clock })
    assert.equal(await between.reset('reset'), true)
    assert.equal(await between.reset('reset'), false)
    await between.close()
    const again = createMemoryCounters({ file }, { clock })
    assert.deepEqual([(await again.peek('returned', rule)).remaining, (await again.peek('reset', rule)).remaining], [7, 10])
    await again.close()
  })

  test('more keys than memory holds are counted from the file', async () => {
    const clock = createFakeClock()
    const file = join(directory, 'many.sqlite')
    const rule = daily('fixed-window', 10)
    const first = createMemoryCounters({ file }, { clock })
    for (let key = 0; key < 50; key++) await first.take(String(key), rule, 1)
    await first.close()
    const counters = createMemoryCounters({ file, maxKeys: 5 }, { clock })
    for (let key = 0; key < 50; key++) assert.equal((await counters.peek(String(key), rule)).remaining, 9)
    await counters.close()
  })

  test('a process that is killed has forgotten nothing that is older than the last write', async (t) => {
    const file = join(directory, 'killed.sqlite')
    const module = JSON.stringify(fileURLToPath(new URL('./memory.ts', import.meta.url)))
    const exit = await runProcess(t, process.execPath, ['--input-type=module', '--eval', `
      const { createMemoryCounters } = await import(${module})
      const counters = createMemoryCounters({ file: ${JSON.stringify(file)} })
      counters.take('k', { algorithm: 'sliding-window', limit: 10, windowMs: ${dayMs} }, 6)
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 2000)`])
    assert.equal(exit.signal, 'SIGKILL')
    const counters = createMemoryCounters({ file })
    assert.ok((await counters.peek('k', daily('sliding-window', 10))).remaining <= 5)
    await counters.close()
  })

  test('a file that is damaged is put aside and told of, and counting begins anew', async () => {
    const file = join(directory, 'damaged.sqlite')
    const text = 'this is a letter, and rather longer than the header of a database would be. '.repeat(20)
    writeFileSync(file, text)
    const errors: unknown[] = []
    const counters = createMemoryCounters({ file }, { onError: (error) => void errors.push(error) })
    assert.equal((await counters.take('k', daily('fixed-window', 10), 1)).remaining, 9)
    await counters.close()
    assert.equal(readFileSync(`${file}.damaged`, 'utf8'), text)
    assert.equal(errors.length, 1)
  })

  test('a second process is told that the first has the file, and others may not read it', async () => {
    const file = join(directory, 'taken.sqlite')
    const counters = createMemoryCounters({ file })
    await counters.take('k', daily('fixed-window', 10), 1)
    await waitUntil(() => existsSync(`${file}-wal`))
    assert.equal(statSync(file).mode & 0o077, 0)
    assert.throws(() => createMemoryCounters({ file }), { code: 'dependency.store_unreachable' })
    await counters.close()
  })
})
