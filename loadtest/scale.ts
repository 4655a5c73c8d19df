/**
 * `npm run bench:scale`: what one change costs when there are many routes and many edges. A control over a real NATS, edges as far as those two
 * see them (`scale/edges.ts`): a connection, the hints, the questions and the reports of each are real, the serving of requests is not there.
 * `--routes N` [100000], `--edges N` [1000] in `--processes N` [4], `--changes N` [50] of one route each, and N/10 of a hundred routes; `--every MS` [500]
 * between two; what is not acknowledged within a minute shows as Infinity; then `scale/consumers.ts` with `--consumers N` [1000000], 0 for none.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { start as startNats } from '../infra/local/nats.ts'
import { freePorts } from '../packages/testkit/src/free-port.ts'
import { usageOfTree } from './bench/process-tree.ts'
import { manyRoutes } from './propagation/many-routes.ts'
import { Processes } from './propagation/systems.ts'
import type { FromEdges } from './scale/edges.ts'

const { values } = parseArgs({
  options: {
    routes: { type: 'string', default: '100000' },
    edges: { type: 'string', default: '1000' },
    processes: { type: 'string', default: '4' },
    changes: { type: 'string', default: '50' },
    every: { type: 'string', default: '500' },
    consumers: { type: 'string', default: '1000000' },
  },
})
const [routes, edges, processes, changes, everyMs] = [values.routes, values.edges, values.processes, values.changes, values.every].map(Number) as [number, number, number, number, number]
const quietMs = 20_000

interface Place {
  readonly adminUrl: string
  readonly adminToken: string
  readonly natsMonitor: string
  readonly pids: { readonly control: number; readonly nats: number }
  readonly children: readonly ChildProcess[]
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-scale-'))
  const endings: (() => Promise<void>)[] = []
  try {
    const place = await startAll(directory, endings)
    console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; Node ${process.version}; ${routes} routes, ${edges} edges in ${processes} processes; load average ${loadavg()[0]!.toFixed(0)}\n`)
    await reportQuiet(place)
    console.log('| one change of | changes | commit to last ack, p50 / p99 ms | request to answer, p50 / p99 ms | control CPU ms | NATS CPU ms | NATS in KB, messages | NATS out KB, messages | out bytes an edge | asked instead of hinted |')
    console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
    await reportChanges(place, 1, changes)
    await reportChanges(place, 100, Math.ceil(changes / 10))
  } finally {
    for (const end of endings.toReversed()) await end()
    rmSync(directory, { recursive: true, force: true })
  }
  if (Number(values.consumers) > 0) await runConsumers(values.consumers)
}

async function startAll(directory: string, endings: (() => Promise<void>)[]): Promise<Place> {
  const [admin = 0, metrics = 0, monitor = 0] = await freePorts(3)
  const nats = await startNats({ jetStream: false, config: `http: "127.0.0.1:${monitor}"` })
  endings.push(() => nats.stop())
  const adminToken = randomBytes(24).toString('base64url')
  const services = new Processes(directory)
  endings.push(() => services.stop())
  const control = services.start('control', ['service', 'control'], { SLUICE_NATS_URL: nats.url, SLUICE_ADMIN_ADDRESS: `127.0.0.1:${admin}`, SLUICE_ADMIN_TOKEN: adminToken, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metrics}` })
  await services.ready('control', metrics)
  const place = { adminUrl: `http://127.0.0.1:${admin}`, adminToken, natsMonitor: `http://127.0.0.1:${monitor}`, pids: { control: control.pid!, nats: nats.pid }, children: [] as ChildProcess[] }
  const began = performance.now()
  await put(place, '/v1/config', { version: 1, ...manyRoutes(routes) })
  console.error(`${routes} routes are there after ${((performance.now() - began) / 1000).toFixed(1)} s`)
  const each = Math.ceil(edges / processes)
  for (let first = 0; first < edges; first += each) place.children.push(await joinEdges(nats.url, first, Math.min(each, edges - first), endings))
  return place
}

function joinEdges(natsUrl: string, first: number, count: number, endings: (() => Promise<void>)[]): Promise<ChildProcess> {
  const child = fork(fileURLToPath(new URL('./scale/edges.ts', import.meta.url)), [natsUrl, String(first), String(count)])
  endings.push(async () => void child.kill('SIGKILL'))
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`the process of the edges from ${first} on ended with ${code}`)))
    child.once('message', () => {
      console.error(`edges ${first} to ${first + count - 1} have joined`)
      resolve(child)
    })
  })
}

/** What is there without any change: reports, beacons. */
async function reportQuiet(place: Place): Promise<void> {
  const before = await meter(place)
  await sleep(quietMs)
  const used = difference(await meter(place), before)
  const perSecond = (value: number) => (value / (quietMs / 1000)).toFixed(1)
  console.log(`Nothing changes: ${perSecond(used.inMessages)} messages and ${perSecond(used.inBytes / 1000)} KB a second into NATS, ${perSecond(used.outMessages)} and ${perSecond(used.outBytes / 1000)} out; control ${perSecond(used.controlMs)} ms of CPU a second, NATS ${perSecond(used.natsMs)}\n`)
}

async function reportChanges(place: Place, size: number, count: number): Promise<void> {
  const [acknowledged, answered]: [number[], number[]] = [[], []]
  const before = await meter(place)
  for (let change = 0; change < count; change++) {
    const began = performance.now()
    const receipt = await (size === 1 ? put(place, routePath(change % routes), changed(change % routes, change, size)) : put(place, '/v1/config', { version: 1, ...withChanges(change, size) }))
    const endedAt = performance.now()
    if (receipt.edges.expected !== edges) throw new Error(`control knows of ${receipt.edges.expected} edges, there are ${edges}`)
    acknowledged.push(receipt.propagationMs ?? Infinity)
    answered.push(endedAt - began)
    await sleep(Math.max(0, everyMs - (endedAt - began)))
  }
  const used = difference(await meter(place), before)
  const per = (value: number, digits = 1) => (value / count).toFixed(digits)
  const cells = [`${size} route${size === 1 ? '' : 's'}`, count, `${at(acknowledged, 50)} / ${at(acknowledged, 99)}`, `${at(answered, 50)} / ${at(answered, 99)}`, per(used.controlMs), per(used.natsMs), `${per(used.inBytes / 1000)}, ${per(used.inMessages, 0)}`, `${per(used.outBytes / 1000)}, ${per(used.outMessages, 0)}`, per(used.outBytes / edges, 0), used.asked]
  console.log(`| ${cells.join(' | ')} |`)
  if (used.failed > 0) console.log(`\n${used.failed} calls of edges failed`)
}

const routeList = manyRoutes(routes).routes
const routePath = (index: number) => `/v1/routes/${routeList[index]!.name}`
const changed = (index: number, change: number, size: number) => ({ ...routeList[index], policies: [{ cors: { origins: [`https://change-${change}-of-${size}.example.com`] } }] })

/** The whole configuration in which that many routes differ. */
function withChanges(change: number, size: number): object {
  const { upstreams } = manyRoutes(routes)
  return { upstreams, routes: routeList.map((route, index) => (index < size ? changed(index, change, size) : route)) }
}

interface Receipt {
  readonly edges: { readonly acknowledged: number; readonly expected: number }
  readonly propagationMs?: number
}

async function put({ adminUrl, adminToken }: Place, path: string, body: object): Promise<Receipt> {
  const response = await fetch(`${adminUrl}${path}?wait=all&timeoutMs=60000`, { method: 'PUT', headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${text.slice(0, 500)}`)
  return JSON.parse(text) as Receipt
}

interface Meter {
  readonly inMessages: number
  readonly inBytes: number
  readonly outMessages: number
  readonly outBytes: number
  readonly controlMs: number
  readonly natsMs: number
  readonly asked: number
  readonly failed: number
}

async function meter({ natsMonitor, pids, children }: Place): Promise<Meter> {
  const varz = (await (await fetch(`${natsMonitor}/varz`)).json()) as { in_msgs: number; in_bytes: number; out_msgs: number; out_bytes: number }
  const counted = await Promise.all(children.map(countsOf))
  const sum = (pick: (counts: { asked: number; failed: number }) => number) => counts(counted, pick)
  return {
    inMessages: varz.in_msgs, inBytes: varz.in_bytes, outMessages: varz.out_msgs, outBytes: varz.out_bytes,
    controlMs: usageOfTree(pids.control).cpuSeconds * 1000, natsMs: usageOfTree(pids.nats).cpuSeconds * 1000,
    asked: sum(({ asked }) => asked), failed: sum(({ failed }) => failed),
  }
}

const counts = <T>(all: readonly T[], pick: (one: T) => number) => all.reduce((total, one) => total + pick(one), 0)

function countsOf(child: ChildProcess): Promise<FromEdges & { kind: 'counts' }> {
  return new Promise((resolve) => {
    child.once('message', (message: FromEdges) => resolve(message as FromEdges & { kind: 'counts' }))
    child.send({ kind: 'counts' })
  })
}

function difference(now: Meter, before: Meter): Meter {
  return Object.fromEntries(Object.entries(now).map(([name, value]) => [name, value - before[name as keyof Meter]])) as unknown as Meter
}

function at(times: readonly number[], percent: number): string {
  const sorted = [...times].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN).toFixed(0)
}

async function runConsumers(count: string): Promise<void> {
  console.log('')
  const child = spawn(process.execPath, [fileURLToPath(new URL('./scale/consumers.ts', import.meta.url)), '--count', count], { stdio: ['ignore', 'inherit', 'inherit'] })
  await new Promise((resolve) => child.once('exit', resolve))
}

await main()
