import { readdirSync, readFileSync } from 'node:fs'

/** Clock ticks a second; fixed at 100 for what Linux shows to programs. */
const ticksPerSecond = 100

/** The pid and all that descend from it. */
export function processTree(root: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const parent = Number(statFields(Number(name))?.[1])
    if (parent > 0) children.set(parent, [...(children.get(parent) ?? []), Number(name)])
  }
  const tree = [root]
  for (let index = 0; index < tree.length; index++) tree.push(...(children.get(tree[index]!) ?? []))
  return tree
}

/** User and system time of these processes so far, without their children, in seconds. */
export function cpuSecondsOf(pids: readonly number[]): number {
  const ticks = pids.map(statFields).reduce((sum, fields) => sum + Number(fields?.[11] ?? 0) + Number(fields?.[12] ?? 0), 0)
  return ticks / ticksPerSecond
}

export interface TreeUsage {
  /** User and system time so far. */
  readonly cpuSeconds: number
  /** The same of all but the root: of the gateway, and of nginx, those are the workers. */
  readonly childSeconds: number
  /** Resident memory. */
  readonly rssMb: number
}

/** Of the whole tree. */
export function usageOfTree(root: number): TreeUsage {
  let ticks = 0
  let rootTicks = 0
  let pages = 0
  for (const pid of processTree(root)) {
    const fields = statFields(pid)
    if (fields === undefined) continue
    const own = Number(fields[11]) + Number(fields[12])
    if (pid === root) rootTicks = own
    ticks += own
    pages += Number(fields[21])
  }
  return { cpuSeconds: ticks / ticksPerSecond, childSeconds: (ticks - rootTicks) / ticksPerSecond, rssMb: (pages * 4096) / 1e6 }
}

/** The fields of /proc/PID/stat behind the name, which may hold spaces and brackets; [1] is the parent. */
function statFields(pid: number): string[] | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    return text.slice(text.lastIndexOf(')') + 2).split(' ')
  } catch {
    return undefined
  }
}
