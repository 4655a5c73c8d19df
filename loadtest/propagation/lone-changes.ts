/** Changes one after another, each waited for: how long one takes when nothing else is under way, and what it costs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminClient } from './admin-client.ts'
import { change, type Made } from './changes.ts'
import { cpuSince, type CpuUse, cpuUse, forEach } from './cpu-use.ts'
import type { Prober } from './prober.ts'
import type { MeasuredSystem } from './systems.ts'

/** What a process leaves to do after its start, collecting garbage above all, is done by then. */
const settleMs = 10_000
const quietMs = 5000

interface LoneChanges {
  readonly made: readonly Made[]
  /** Receipts that came before a worker answered by the change. */
  readonly early: number
  /** What requests took, in ms. */
  readonly latencies: { readonly without: readonly number[]; readonly withChanges: readonly number[] }
  /** The prober's own CPU time for each change, in ms. */
  readonly proberMs: number
}

export async function makeLoneChanges(admin: AdminClient, prober: Prober, { count, everyMs }: { count: number; everyMs: number }): Promise<LoneChanges> {
  prober.start()
  await sleep(settleMs)
  prober.takeLatencies()
  await sleep(quietMs)
  const without = prober.takeLatencies()
  const before = process.cpuUsage()
  const made: Made[] = []
  let early = 0
  for (let number = 1; number <= count; number++) {
    prober.lookFor(number, waitBefore(prober, made))
    made.push(await change(admin, number, true))
    // A receipt that comes before its effect would show here, once the request that is under way has been answered.
    const asked = prober.probes.map((probe) => probe.requests)
    await untilAll(prober, number, asked)
    early += prober.probes.filter((probe, index) => probe.requests > asked[index]! + 1 && probe.newest < number).length
    await sleep(Math.max(0, everyMs - (performance.now() - made.at(-1)!.sentAt)))
  }
  const { user, system } = process.cpuUsage(before)
  return { made, early, latencies: { without, withChanges: prober.takeLatencies() }, proberMs: (user + system) / 1000 / count }
}

/** How many changes tell when the next can show at the earliest. */
const remembered = 20

/**
 * Asking for a change that nobody can have yet only takes the processor from those who are to take it: nobody is asked before 0.7 of the
 * shortest time in which a worker answered by one of the last changes. What comes sooner is seen too late, never too early.
 */
function waitBefore({ probes }: Prober, made: readonly Made[]): number {
  const last = made.slice(-remembered)
  if (last.length < remembered) return 0
  return 0.7 * Math.min(...last.map(({ number, sentAt }) => Math.min(...probes.map((probe) => probe.seenAt[number] ?? Infinity)) - sentAt))
}

/** Until each has seen the change, or has asked twice since and not seen it. */
async function untilAll({ probes }: Prober, number: number, asked: readonly number[]): Promise<void> {
  while (probes.some((probe, index) => probe.newest < number && probe.requests <= asked[index]! + 1)) {
    if (probes.some((probe) => !probe.isOpen)) throw new Error('a connection of the prober was closed')
    await sleep(1)
  }
}

/** CPU time of the system while nobody probes: standing, in ms a second, and beyond that of each change. */
export async function cpuOfLoneChanges(system: MeasuredSystem, admin: AdminClient, { from, count, everyMs }: { from: number; count: number; everyMs: number }): Promise<{ standing: CpuUse; ofChange: CpuUse }> {
  const atStart = cpuUse(system)
  await sleep(quietMs)
  const standing = new Map([...cpuSince(system, atStart)].map(([what, ms]) => [what, (ms * 1000) / quietMs]))
  const [startedAt, before] = [performance.now(), cpuUse(system)]
  for (let number = from; number < from + count; number++) {
    const { sentAt } = await change(admin, number, true)
    await sleep(Math.max(0, everyMs - (performance.now() - sentAt)))
  }
  return { standing, ofChange: forEach(count, cpuSince(system, before), standing, (performance.now() - startedAt) / 1000) }
}
