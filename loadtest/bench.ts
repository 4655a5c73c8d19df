/**
 * `npm run bench`: gateway, nginx and plain `node:http` in front of the same upstream, each pinned to one core with
 * the load and the upstream on another. What counts is requests per CPU-second of the whole process tree, as a ratio
 * to nginx measured just before and after: on a shared machine nothing else repeats. `--seconds N` [8] a round.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as sleep } from 'node:timers/promises'
import { nginxProxy, nginxUpstream, plainNode, type BenchPlace, type Contender } from './bench/contenders.ts'
import { usageOfTree } from './bench/process-tree.ts'
import { plainWorkload, policyWorkload } from './bench/workloads.ts'
import { runWrk, type LoadResult } from './bench/wrk.ts'

const { values } = parseArgs({ options: { seconds: { type: 'string', default: '8' }, connections: { type: 'string', default: '64' } } })
const seconds = Number(values.seconds)
const connections = Number(values.connections)
const loadCore = 0
const gatewayCore = 1
/** JITs read far too low when cold. */
const warmUpCpuSeconds = 1.5

interface Row extends LoadResult {
  readonly name: string
  readonly perCpuSecond: number
  readonly perSecond: number
  readonly rssMb: number
}

async function main(): Promise<void> {
  if (availableParallelism() < 2) throw new Error('the bench needs two cores: one for the gateway, one for load and upstream')
  const directory = mkdtempSync(join(tmpdir(), 'sluice-bench-'))
  const place: BenchPlace = { directory, gatewayCore, upstreamPort: 19_080, port: 19_000 }
  const upstream = nginxUpstream(place, loadCore)
  try {
    await untilAnswers(`http://127.0.0.1:${place.upstreamPort}/`)
    const contenders = [nginxProxy(place), plainNode(place), plainWorkload(place), await policyWorkload(place), nginxProxy(place)]
    const rows: Row[] = []
    for (const contender of contenders) rows.push(await measure(contender))
    print(rows)
  } finally {
    kill(upstream.pid)
    if (process.env['KEEP'] === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

async function measure(contender: Contender): Promise<Row> {
  process.stderr.write(`${contender.name} …\n`)
  const child = contender.start()
  const pid = child.pid!
  const load = { url: contender.url, connections, core: loadCore, ...(contender.script === undefined ? {} : { script: contender.script }) }
  try {
    await untilAnswers(contender.url)
    const cold = usageOfTree(pid).cpuSeconds
    while (usageOfTree(pid).cpuSeconds - cold < warmUpCpuSeconds) await runWrk({ ...load, seconds: 2 })
    const before = usageOfTree(pid)
    const result = await runWrk({ ...load, seconds })
    const after = usageOfTree(pid)
    const perCpuSecond = result.requests / (after.cpuSeconds - before.cpuSeconds)
    return { ...result, name: contender.name, perCpuSecond, perSecond: result.requests / seconds, rssMb: after.rssMb }
  } finally {
    kill(pid)
    await sleep(300)
  }
}

async function untilAnswers(url: string): Promise<void> {
  const deadline = performance.now() + 30_000
  for (;;) {
    const answered = await fetch(url).then((response) => response.arrayBuffer(), () => undefined)
    if (answered !== undefined) return
    if (performance.now() > deadline) throw new Error(`${url} did not answer within 30 s`)
    await sleep(50)
  }
}

/** Ends a contender with its whole process group. */
function kill(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It had ended by itself.
  }
}

function print(rows: readonly Row[]): void {
  const yardsticks = rows.filter((row) => row.name.startsWith('nginx'))
  const yardstick = yardsticks.reduce((sum, row) => sum + row.perCpuSecond, 0) / yardsticks.length
  const machine = cpus()[0]?.model ?? 'unknown processor'
  console.log(`\n${machine}, ${availableParallelism()} cores; Node ${process.version}; wrk, ${connections} connections, ${seconds} s a round, 256-byte JSON\n`)
  console.log('| | req per CPU-second | ratio to nginx | req/s | p50 ms | p99 ms | errors | RSS MB |')
  console.log('| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const row of rows) {
    const cells = [Math.round(row.perCpuSecond), (row.perCpuSecond / yardstick).toFixed(2), Math.round(row.perSecond), row.p50Ms.toFixed(2), row.p99Ms.toFixed(2), row.errors, Math.round(row.rssMb)]
    console.log(`| ${row.name} | ${cells.join(' | ')} |`)
  }
}

await main()
