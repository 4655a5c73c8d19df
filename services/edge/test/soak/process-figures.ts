import { readdirSync, readFileSync } from 'node:fs'

/** Memory in MB and open files of a process, from `/proc`. */
export function figuresOf(pid: number): { rssMb: number; files: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  return { rssMb: Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024, files: readdirSync(`/proc/${pid}/fd`).length }
}

/** The middle one. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
