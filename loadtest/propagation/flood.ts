/**
 * Many changes a second beside an even load of requests: spells without changes and with them in turn, so that what the
 * machine does by itself shows.
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type FloodDone, type FloodOrder, monotonicStart } from './change-maker.ts'
import type { Made } from './changes.ts'
import { cpuSince, type CpuUse, cpuUse } from './cpu-use.ts'
import type { Prober } from './prober.ts'
import type { MeasuredSystem } from './systems.ts'

const spellMs = 10_000
const settleMs = 500

interface Spell {
  /** Of requests, in ms. */
  readonly latencies: readonly number[]
  /** The same of a process that has nothing to do with the system. */
  readonly beside: readonly number[]
  readonly cpu: CpuUse
  readonly seconds: number
  /** How many were made, all of them answered. */
  readonly changes: number
}

interface Flood {
  readonly without: readonly Spell[]
  readonly withChanges: readonly Spell[]
  /** Those that the prober sees. */
  readonly made: readonly Made[]
  /** Of all changes, in ms from when each was due to its answer. */
  readonly answers: readonly number[]
  readonly storeMs: readonly number[]
}

export async function makeFlood(system: MeasuredSystem, prober: Prober, beside: Prober, { perSecond, spells }: { perSecond: number; spells: number }): Promise<Flood> {
  const flood = { without: [] as Spell[], withChanges: [] as Spell[], made: [] as Made[], answers: [] as number[], storeMs: [] as number[] }
  const maker = fork(fileURLToPath(new URL('change-maker.ts', import.meta.url)))
  prober.start()
  beside.start()
  // A spell of both for the code to get warm.
  for (let spell = 0; spell <= spells; spell++) {
    const without = await oneSpell(system, [prober, beside], () => sleep(spellMs, 0))
    const withChanges = await oneSpell(system, [prober, beside], () => changeFor(maker, system, perSecond, flood))
    if (spell === 0) {
      flood.answers.length = 0
      flood.storeMs.length = 0
      continue
    }
    flood.without.push(without)
    flood.withChanges.push(withChanges)
  }
  await sleep(settleMs) // for the last change to be seen everywhere
  maker.kill()
  return flood
}

async function oneSpell(system: MeasuredSystem, [prober, beside]: readonly [Prober, Prober], run: () => Promise<number>): Promise<Spell> {
  await sleep(settleMs)
  for (const one of [prober, beside]) one.takeLatencies()
  const [startedAt, before] = [performance.now(), cpuUse(system)]
  const changes = await run()
  return { latencies: prober.takeLatencies(), beside: beside.takeLatencies(), cpu: cpuSince(system, before), seconds: (performance.now() - startedAt) / 1000, changes }
}

/** Resolves with the number of changes once all have been answered. */
async function changeFor(maker: ChildProcess, { adminUrl, adminToken }: MeasuredSystem, perSecond: number, flood: { made: Made[]; answers: number[]; storeMs: number[] }): Promise<number> {
  const count = Math.round((spellMs / 1000) * perSecond)
  maker.send({ adminUrl, adminToken, perSecond, count, firstNumber: (flood.made.at(-1)?.number ?? 0) + 1 } satisfies FloodOrder)
  const { made, answers, storeMs } = await Promise.race([told(maker), ended(maker)])
  const shift = monotonicStart()
  flood.made.push(...made.map((one) => ({ ...one, sentAt: one.sentAt - shift, answeredAt: one.answeredAt - shift })))
  flood.answers.push(...answers)
  flood.storeMs.push(...storeMs)
  return count
}

async function told(maker: ChildProcess): Promise<FloodDone> {
  const [done] = (await once(maker, 'message')) as [FloodDone]
  return done
}

/** A change that is refused ends the maker. */
async function ended(maker: ChildProcess): Promise<never> {
  await once(maker, 'exit')
  throw new Error('the process that makes the changes has ended')
}
