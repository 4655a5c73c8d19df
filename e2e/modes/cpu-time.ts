import { readFileSync } from 'node:fs'

const ticksPerSecond = 100 // USER_HZ, the same on all of Linux's platforms that Node runs on

/** Seconds of CPU that these processes have had so far: what a busy machine does not change. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map((pid) => {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
    // Behind the command's name, which may hold anything: state is field 3, utime 14, stime 15 (proc(5)).
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return Number(fields[11]) + Number(fields[12])
  })
  return ticks.reduce((sum, one) => sum + one, 0) / ticksPerSecond
}
