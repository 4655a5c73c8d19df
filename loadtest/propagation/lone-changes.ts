/** Changes one after another, each waited for: how long one takes when nothing else is under way, and what it costs. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { AdminClient } from './admin-client.ts'
import { change, type Made } from './changes.ts'
import { cpuSince, type CpuUse, cpuUse, forEach } from './cpu-use.ts'
import type { Prober } from './prober.ts'
import type { MeasuredSystem } from './systems.ts'

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
  await sleep(quietMs)
  const without = prober.takeLatencies()
  const before = process.cpuUsage()
  const made: Made[] = []
  let early = 0
  for (let number = 1; number <= count; number++) {
    prober.lookFor(number)
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
