/**
 * Many changes a second beside an even load of requests: spells without changes and with them in turn, so that what the
 * machine does by itself shows. Changes leave at their time whether or not those before are answered; each lane changes a
 * route of its own, one after the other, and the first lane's is the one that the prober asks for.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminClient } from './admin-client.ts'
import { change, type Made } from './changes.ts'
import { cpuSince, type CpuUse, cpuUse } from './cpu-use.ts'
import type { Prober } from './prober.ts'
import type { MeasuredSystem } from './systems.ts'

const lanes = 16
const spellMs = 10_000

interface Spell {
  readonly latencies: readonly number[]
  readonly cpu: CpuUse
  readonly seconds: number
  /** How many were answered, and how long after their time the last was. */
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

export async function makeFlood(system: MeasuredSystem, admin: AdminClient, prober: Prober, { perSecond, spells }: { perSecond: number; spells: number }): Promise<Flood> {
  const flood = { without: [] as Spell[], withChanges: [] as Spell[], made: [] as Made[], answers: [] as number[], storeMs: [] as number[] }
  prober.start()
  // A spell of both for the code to get warm.
  for (let spell = 0; spell <= spells; spell++) {
    const without = await oneSpell(system, prober, () => sleep(spellMs, 0))
    const withChanges = await oneSpell(system, prober, () => changeFor(admin, perSecond, flood))
    if (spell === 0) {
      flood.answers.length = 0
      flood.storeMs.length = 0
      continue
    }
    flood.without.push(without)
    flood.withChanges.push(withChanges)
  }
  return flood
}

async function oneSpell(system: MeasuredSystem, prober: Prober, run: () => Promise<number>): Promise<Spell> {
  await sleep(500)
  prober.takeLatencies()
  const [startedAt, before] = [performance.now(), cpuUse(system)]
  const changes = await run()
  return { latencies: prober.takeLatencies(), cpu: cpuSince(system, before), seconds: (performance.now() - startedAt) / 1000, changes }
}

/** Resolves with the number of changes once all have been answered. */
async function changeFor(admin: AdminClient, perSecond: number, flood: { made: Made[]; answers: number[]; storeMs: number[] }): Promise<number> {
  const count = Math.round((spellMs / 1000) * perSecond)
  const startedAt = performance.now()
  const first = (flood.made.at(-1)?.number ?? 0) + 1
  const lane = async (index: number): Promise<void> => {
    for (let own = 0, place = index; place < count; own++, place += lanes) {
      const due = startedAt + (place * 1000) / perSecond
      await sleep(Math.max(0, due - performance.now()))
      const made = index === 0 ? await change(admin, first + own, false) : await changeOther(admin, index, place)
      if (index === 0) flood.made.push(made as Made)
      flood.answers.push(performance.now() - due)
      flood.storeMs.push(made.storeMs)
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)))
  return count
}

async function changeOther(admin: AdminClient, lane: number, place: number): Promise<{ storeMs: number }> {
  const name = `flood-${lane}`
  const route = { name, match: { hosts: ['flood.example'], path: `/${lane}` }, policies: [{ 'fixed-response': { status: 200, body: `${performance.now()} ${place}` } }] }
  const { timings } = await admin.ask('PUT', `/v1/routes/${name}`, route)
  return { storeMs: timings['store'] ?? NaN }
}
