import { execFile } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { existsSync } from 'node:fs'
import { promisify } from 'node:util'

/** Ids of the edge workers that process `parent` has started. */
export async function workersOf(parent: number): Promise<number[]> {
  const processes = existsSync('/proc/self/stat') ? await fromProc() : await fromPs()
  return processes.filter((one) => one.parent === parent && one.command.includes('worker-main')).map((one) => one.pid)
}

interface ProcessFacts {
  readonly pid: number
  readonly parent: number
  readonly command: string
}

/** A slim system has no `ps`. */
async function fromProc(): Promise<ProcessFacts[]> {
  const ids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const found = await Promise.all(ids.map((id) => readOne(id).catch(() => undefined)))
  return found.filter((one) => one !== undefined)
}

async function readOne(id: string): Promise<ProcessFacts> {
  const [stat, command] = await Promise.all([readFile(`/proc/${id}/stat`, 'utf8'), readFile(`/proc/${id}/cmdline`, 'utf8')])
  // The command's name stands in parentheses and may hold anything; the state and the parent follow it (proc(5)).
  const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
  return { pid: Number(id), parent, command }
}

async function fromPs(): Promise<ProcessFacts[]> {
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,ppid=,args='], { maxBuffer: 16 * 1024 * 1024 })
  return stdout.split('\n').flatMap((line) => {
    const [, pid, parent, command = ''] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? []
    return pid === undefined ? [] : [{ pid: Number(pid), parent: Number(parent), command }]
  })
}
