import { cpuSecondsOf } from '../bench/process-tree.ts'
import type { MeasuredSystem } from './systems.ts'

/** CPU time by what the processes do, in ms; the prober's own is this process's. */
export type CpuUse = ReadonlyMap<string, number>

/** What all have used since they started. */
export function cpuUse(system: MeasuredSystem): CpuUse {
  const { user, system: kernel } = process.cpuUsage()
  const own: [string, number] = ['prober', (user + kernel) / 1000]
  return new Map([...Object.entries(system.processes()).map(([what, pids]): [string, number] => [what, cpuSecondsOf(pids) * 1000]), own])
}

export function cpuSince(system: MeasuredSystem, before: CpuUse): CpuUse {
  return new Map([...cpuUse(system)].map(([what, ms]) => [what, ms - (before.get(what) ?? 0)]))
}

/** `use` without what would have gone by anyhow, for each of so many. */
export function forEach(count: number, use: CpuUse, standing: CpuUse, share = 1): CpuUse {
  return new Map([...use].map(([what, ms]) => [what, (ms - (standing.get(what) ?? 0) * share) / count]))
}

export function showCpu(use: CpuUse): string {
  const all = [...use].filter(([what]) => what !== 'prober')
  const together = all.reduce((sum, [, ms]) => sum + ms, 0)
  return `${[...use].map(([what, ms]) => `${what} ${ms.toFixed(1)}`).join(', ')}; together, without the prober, ${together.toFixed(1)}`
}
