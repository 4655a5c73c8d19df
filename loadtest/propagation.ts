/**
 * `npm run bench:propagation`: how long a change of one route takes to be what every worker answers, seen by a prober
 * that only sends requests. `--bus nats` [nats] twelve edges of one worker, `--bus local` one edge of twelve workers;
 * `--changes N` [200], `--warm-up N` [20] changes before them that are told apart, since a process that sees its first
 * changes still compiles its code; `--per-second N` [5], `--routes N` [0] routes besides the one that changes,
 * `--workers N` [12]. Above 10 a second no receipt is waited for, since the wait would be the pace.
 *
 * What a change costs is measured afterwards, while nobody probes: CPU time of all processes over `--cpu-changes N` [100]
 * changes, without what they use up in the same time when nothing changes.
 *
 * The last line is for comparing: time from the commit (control's `committedAt`, before the store writes) until the
 * last worker has answered by the change. The prober asks each worker every 5 ms and more, which is in the figures.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { cpuSecondsOf } from './bench/process-tree.ts'
import { manyRoutes } from './propagation/many-routes.ts'
import { Probe, probeBody, probeHost, probePath } from './propagation/prober.ts'
import { type MeasuredSystem, startEmbedded, startOverNats } from './propagation/systems.ts'

const { values } = parseArgs({
  options: {
    bus: { type: 'string', default: 'nats' },
    changes: { type: 'string', default: '200' },
    'warm-up': { type: 'string', default: '20' },
    'per-second': { type: 'string', default: '5' },
    routes: { type: 'string', default: '0' },
    workers: { type: 'string', default: '12' },
    'cpu-changes': { type: 'string', default: '100' },
  },
})
const warmUp = Number(values['warm-up'])
const changes = warmUp + Number(values.changes)
const everyMs = 1000 / Number(values['per-second'])
const waitsForReceipts = Number(values['per-second']) <= 10
const quietMs = 5000

interface Made {
  readonly revision: number
  /** By `performance.now`: the request left; its answer was here. */
  readonly sentAt: number
  readonly answeredAt: number
  readonly propagationMs: number | undefined
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-propagation-'))
  const workers = Number(values.workers)
  const system = values.bus === 'local' ? await startEmbedded(directory, workers) : await startOverNats(directory, workers)
  try {
    await prepare(system)
    const probes: Probe[] = []
    for (const port of system.ports) for (let count = 0; count < system.connectionsPerPort; count++) probes.push(await Probe.open(port))
    await measure(system, probes)
  } finally {
    await system.stop()
    if (process.env['KEEP'] === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

async function prepare(system: MeasuredSystem): Promise<void> {
  const background = manyRoutes(Number(values.routes))
  const config = { version: 1, listeners: { http: { address: system.listen } }, ...background, routes: [...background.routes, probeRoute(0)] }
  const started = performance.now()
  await admin(system, 'PUT', '/v1/config', config)
  console.error(`configuration of ${config.routes.length} routes applied in ${Math.round(performance.now() - started)} ms`)
  await system.startEdges()
  await admin(system, 'PUT', '/v1/routes/probe?wait=all&timeoutMs=60000', probeRoute(0))
  console.error(`${system.edges} edge(s), ${system.workers} workers ready after ${Math.round(performance.now() - started)} ms`)
}

const probeRoute = (number: number) => ({ name: 'probe', match: { hosts: [probeHost], path: probePath }, policies: [{ 'fixed-response': { status: 200, body: probeBody(number) } }] })

async function measure(system: MeasuredSystem, probes: readonly Probe[]): Promise<void> {
  await sleep(quietMs)
  const quiet = takeLatencies(probes)
  const made: Made[] = []
  let early = 0
  for (let number = 1; number <= changes; number++) {
    const sentAt = performance.now()
    const answer = await put(system, number)
    const answeredAt = performance.now()
    made.push({ revision: answer.revision, sentAt, answeredAt, propagationMs: answer.propagationMs })
    // A receipt that comes before its effect would show here, once the request that is under way has been answered.
    const asked = probes.map((probe) => probe.requests)
    if (waitsForReceipts || number === changes) await untilAll(probes, number, asked)
    if (waitsForReceipts) early += probes.filter((probe, index) => probe.requests > asked[index]! + 1 && probe.newest < number).length
    await sleep(Math.max(0, everyMs - (performance.now() - sentAt)))
  }
  const seconds = (performance.now() - made[0]!.sentAt) / 1000
  await Promise.all(probes.map((probe) => probe.stop()))
  console.log(`${(made.length / seconds).toFixed(1)} changes a second; p99 of the prober's requests ${show(quiet, 99)} ms in ${quietMs / 1000} s without changes, ${show(takeLatencies(probes), 99)} ms with them`)
  report(system, probes, made, await commitTimes(system, made), { early, cpu: await cpuOfChanges(system) })
}

interface CpuOfChange {
  readonly what: string
  /** Without changes, in ms a second. */
  readonly standing: number
  /** Beyond that, in ms. */
  readonly ofChange: number
}

/** By what the processes do; nobody probes meanwhile. */
async function cpuOfChanges(system: MeasuredSystem): Promise<CpuOfChange[]> {
  const count = Number(values['cpu-changes'])
  const processes = Object.entries(system.processes())
  const use = () => processes.map(([, pids]) => cpuSecondsOf(pids) * 1000)
  const [startedAt, atStart] = [performance.now(), use()]
  await sleep(quietMs)
  const [changedAt, atChange] = [performance.now(), use()]
  for (let number = changes + 1; number <= changes + count; number++) {
    const sentAt = performance.now()
    await put(system, number)
    await sleep(Math.max(0, everyMs - (performance.now() - sentAt)))
  }
  const [endedAt, atEnd] = [performance.now(), use()]
  return processes.map(([what], index) => {
    const standing = ((atChange[index]! - atStart[index]!) / (changedAt - startedAt)) * 1000
    return { what, standing, ofChange: (atEnd[index]! - atChange[index]! - (standing * (endedAt - changedAt)) / 1000) / count }
  })
}

function put(system: MeasuredSystem, number: number): Promise<{ revision: number; propagationMs?: number }> {
  return admin(system, 'PUT', `/v1/routes/probe${waitsForReceipts ? '?wait=all&timeoutMs=20000' : ''}`, probeRoute(number))
}

/** What the requests of the probes took since it was asked last, in ms. */
const takeLatencies = (probes: readonly Probe[]): number[] => probes.flatMap((probe) => probe.latencies.splice(0))

/** Until each has seen the change, or has asked twice since and not seen it. */
async function untilAll(probes: readonly Probe[], number: number, asked: readonly number[]): Promise<void> {
  while (probes.some((probe, index) => probe.newest < number && probe.requests <= asked[index]! + 1)) await sleep(1)
}

/** When each was committed, on this process's clock: one machine, one wall clock. */
async function commitTimes(system: MeasuredSystem, made: readonly Made[]): Promise<Map<number, number>> {
  const wallToMonotonic = performance.now() - Date.now()
  const times = new Map<number, number>()
  const oldest = made[0]!.revision
  for (let cursor: number | undefined = made.at(-1)!.revision + 1; cursor !== undefined && cursor > oldest; ) {
    const page: { items: { revision: number; committedAt: string }[]; next: string | null } = await admin(system, 'GET', `/v1/revisions?limit=100&cursor=${cursor}`)
    for (const { revision, committedAt } of page.items) times.set(revision, Date.parse(committedAt) + wallToMonotonic)
    cursor = page.next === null ? undefined : Number(page.next)
  }
  return times
}

function report(system: MeasuredSystem, probes: readonly Probe[], made: readonly Made[], committed: ReadonlyMap<number, number>, { early, cpu }: { early: number; cpu: readonly CpuOfChange[] }): void {
  const allEffective = made.map(({ revision }, index) => Math.max(...probes.map((probe) => probe.seenAt[index + 1] ?? Infinity)) - committed.get(revision)!)
  const effective = allEffective.slice(warmUp)
  const warm = made.slice(warmUp)
  const answered = warm.map(({ sentAt, answeredAt }) => answeredAt - sentAt)
  const toCommit = warm.map(({ revision, sentAt }) => committed.get(revision)! - sentAt)
  const receipts = warm.map(({ propagationMs }) => propagationMs ?? Infinity)
  const total = (pick: (probe: Probe) => number) => probes.reduce((sum, probe) => sum + pick(probe), 0)
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; Node ${process.version}; ${warm.length} changes after ${warmUp}, ${values.routes} further routes`)
  if (warmUp > 0) console.log(`first change ${allEffective[0]!.toFixed(1)} ms, the first ${warmUp} at most ${Math.max(...allEffective.slice(0, warmUp)).toFixed(1)} ms`)
  console.log(`requests=${total((probe) => probe.requests)} errors=${total((probe) => probe.errors)} stepped back=${total((probe) => probe.steppedBack)} receipts before their effect=${early}`)
  console.log(`from the request to the commit p50=${show(toCommit, 50)} p99=${show(toCommit, 99)} ms; to the receipt p50=${show(answered, 50)} p99=${show(answered, 99)} ms; control's own figure p50=${show(receipts, 50)} p99=${show(receipts, 99)} ms`)
  console.log(`CPU ms of a change: ${cpu.map(({ what, ofChange }) => `${what} ${ofChange.toFixed(1)}`).join(', ')}; together ${cpu.reduce((sum, { ofChange }) => sum + ofChange, 0).toFixed(1)}`)
  console.log(`CPU ms a second without changes and requests: ${cpu.map(({ what, standing }) => `${what} ${standing.toFixed(0)}`).join(', ')}`)
  console.log(`propagation edges=${system.edges} workers=${system.workers} p50=${show(effective, 50)} ms p99=${show(effective, 99)} ms store=${system.store} bus=${system.bus}`)
}

function show(values: readonly number[], percent: number): string {
  const sorted = [...values].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN).toFixed(1)
}

async function admin<T>(system: MeasuredSystem, method: string, path: string, body?: object): Promise<T> {
  const headers = { authorization: `Bearer ${system.adminToken}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }) }
  const response = await fetch(system.adminUrl + path, { method, headers, ...(body === undefined ? {} : { body: JSON.stringify(body) }) })
  const text = await response.text()
  if (!response.ok || response.status === 202) throw new Error(`${method} ${path}: ${response.status} ${text.slice(0, 500)}`)
  return JSON.parse(text) as T
}

await main()
