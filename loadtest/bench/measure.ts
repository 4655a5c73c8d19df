/** One contender under load: its CPU time for each request, once it is warm. */
import { availableParallelism, cpus } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { kill, type Contender } from './contenders.ts'
import { usageOfTree } from './process-tree.ts'
import { runWrk, type Load, type LoadResult } from './wrk.ts'

export interface Row extends LoadResult {
  readonly name: string
  readonly perCpuSecond: number
  readonly perSecond: number
  /** CPU time of a request in the contender's worker processes, µs; the rest is its parent's. */
  readonly workerMicros: number
  readonly rssMb: number
}

export interface Round {
  readonly seconds: number
  readonly connections: number
  /** The core that wrk runs on. */
  readonly core: number
}

/** JITs read far too low when cold, and a full policy chain is compiled to its end only after some 80,000 requests. */
const warmUpCpuSeconds = 6

/** Starts it, warms it up, measures one round, and ends it with all its processes. */
export async function measure(contender: Contender, round: Round): Promise<Row> {
  const [row] = await measureRounds(contender, round, 1)
  return row!
}

/** Likewise, so many rounds one after another. */
export function measureRounds(contender: Contender, round: Round, times: number): Promise<Row[]> {
  return whileWarm(contender, round, async (pid, load) => {
    const rows: Row[] = []
    for (let time = 1; time <= times; time++) rows.push(await saturate(time === 1 ? contender.name : `${contender.name}, again`, pid, load))
    return rows
  })
}

/** Starts it, warms it up under `round`, and ends it with all its processes after `work`. */
export async function whileWarm<T>(contender: Contender, { seconds, connections, core }: Round, work: (pid: number, load: Load) => Promise<T>): Promise<T> {
  process.stderr.write(`${contender.name} …\n`)
  const pid = contender.start().pid!
  const load: Load = { url: contender.url, seconds, connections, core, ...(contender.script === undefined ? {} : { script: contender.script }) }
  try {
    await untilAnswers(contender.url)
    const cold = usageOfTree(pid).cpuSeconds
    while (usageOfTree(pid).cpuSeconds - cold < warmUpCpuSeconds) await runWrk({ ...load, seconds: 2 })
    return await work(pid, load)
  } finally {
    kill(pid)
    await sleep(300)
  }
}

/** One round with as many requests as there come answers. */
export async function saturate(name: string, pid: number, load: Load): Promise<Row> {
  const before = usageOfTree(pid)
  const result = await runWrk(load)
  const after = usageOfTree(pid)
  const perCpuSecond = result.requests / (after.cpuSeconds - before.cpuSeconds)
  const workerMicros = ((after.childSeconds - before.childSeconds) * 1e6) / result.requests
  return { ...result, name, perCpuSecond, perSecond: result.requests / load.seconds, workerMicros, rssMb: after.rssMb }
}

/** A gateway that reads 100,000 routes takes its time. */
const startMs = 120_000

export async function untilAnswers(url: string): Promise<void> {
  const deadline = performance.now() + startMs
  for (;;) {
    const answered = await fetch(url).then((response) => response.arrayBuffer(), () => undefined)
    if (answered !== undefined) return
    if (performance.now() > deadline) throw new Error(`${url} did not answer within ${startMs / 1000} s`)
    await sleep(50)
  }
}

/** A row, and how it stands to nginx. */
export interface RatedRow extends Row {
  readonly ratio: number
}

/** `yardstick`: what a ratio of 1 is, in requests per CPU-second. */
export function rated(row: Row, yardstick: number): RatedRow {
  return { ...row, ratio: row.perCpuSecond / yardstick }
}

/** Prints rows as a table of Markdown. */
export function printRows(rows: readonly RatedRow[]): void {
  console.log('| | req per CPU-second | ratio to nginx | µs of a worker | req/s | p50 ms | p99 ms | errors | RSS MB |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const row of rows) console.log(rowText(row))
}

/** One line of such a table. */
export function rowText(row: RatedRow): string {
  const cells = [Math.round(row.perCpuSecond), row.ratio.toFixed(2), row.workerMicros.toFixed(1), Math.round(row.perSecond), row.p50Ms.toFixed(2), row.p99Ms.toFixed(2), row.errors, Math.round(row.rssMb)]
  return `| ${row.name} | ${cells.join(' | ')} |`
}

/** What was measured on, for the line above a table. */
export function machine({ seconds, connections }: Round): string {
  return `${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; Node ${process.version}; wrk, ${connections} connections, ${seconds} s a round`
}
