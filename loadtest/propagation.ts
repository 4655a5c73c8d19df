/**
 * `npm run bench:propagation`: how long a change of one route takes to be what every worker answers, seen by a prober
 * that only sends requests. `--bus nats` [nats] twelve edges of one worker, `--bus local` one edge of twelve workers;
 * `--changes N` [200], `--warm-up N` [20] changes before them that are told apart, since a process that sees its first
 * changes still compiles its code; `--per-second N` [5], `--routes N` [0] routes besides the one that changes,
 * `--workers N` [12].
 *
 * The last line is for comparing: from the moment the store had the revision until the last worker's first answer by
 * it had arrived; what the store took (the `store` of the answer's `Server-Timing`) stands in a line of its own. Each
 * worker is asked every 50 ms, and from shortly before a change can show every 5 ms until it has answered the change: that is in
 * the figures. What a change costs is measured afterwards, while nobody probes, over `--cpu-changes N` [100] changes: CPU time
 * of all processes without what they use up in the same time when nothing changes.
 *
 * Before and after it as many processes as the system's workers and agents hand messages on to each other and do nothing with
 * them, `--empty-changes N` [100] times: the machine's own share (`propagation/empty-edges.ts`).
 *
 * Above 10 a second nothing waits for a receipt, and the prober is an even load of 500 requests a second: `--spells N` [3]
 * of ten seconds without changes and with them, in turn, and what requests notice; those of a process beside it as well
 * (`propagation/bystander.ts`).
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { AdminClient } from './propagation/admin-client.ts'
import { startBystander } from './propagation/bystander.ts'
import { type Made, probeRoute, storedTimes } from './propagation/changes.ts'
import { showCpu } from './propagation/cpu-use.ts'
import { makeFlood } from './propagation/flood.ts'
import { startEmptyEmbedded, startEmptyOverNats, timesOf } from './propagation/empty-edges.ts'
import { cpuOfLoneChanges, makeLoneChanges } from './propagation/lone-changes.ts'
import { manyRoutes } from './propagation/many-routes.ts'
import { oneForEachWorker } from './propagation/one-for-each-worker.ts'
import { Probe, Prober } from './propagation/prober.ts'
import { quantile, show } from './propagation/quantile.ts'
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
    'empty-changes': { type: 'string', default: '100' },
    spells: { type: 'string', default: '3' },
  },
})
const warmUp = Number(values['warm-up'])
const perSecond = Number(values['per-second'])
const requestsPerSecond = 500

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-propagation-'))
  const workers = Number(values.workers)
  if (perSecond <= 10) await showEmpty(workers, 'before')
  const system = values.bus === 'local' ? await startEmbedded(directory, workers) : await startOverNats(directory, workers)
  const admin = new AdminClient(system.adminUrl, system.adminToken)
  try {
    await prepare(system, admin)
    const probes = system.ports.length === 1 ? await oneForEachWorker(system.ports[0]!, system.processes()['workers']!) : await Promise.all(system.ports.map((port) => Probe.open(port)))
    console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; Node ${process.version}; load average ${loadavg()[0]?.toFixed(1)}; ${values.routes} further routes`)
    await (perSecond > 10 ? flood(system, admin, probes) : loneChanges(system, admin, probes))
  } finally {
    admin.close()
    await system.stop()
    if (perSecond <= 10) await showEmpty(workers, 'after')
    if (process.env['KEEP'] === undefined) rmSync(directory, { recursive: true, force: true })
  }
}

async function prepare(system: MeasuredSystem, admin: AdminClient): Promise<void> {
  const background = manyRoutes(Number(values.routes))
  const config = { version: 1, listeners: { http: { address: system.listen } }, ...background, routes: [...background.routes, probeRoute(0)] }
  const started = performance.now()
  await admin.ask('PUT', '/v1/config', config)
  console.error(`configuration of ${config.routes.length} routes applied in ${Math.round(performance.now() - started)} ms`)
  await system.startEdges()
  await admin.ask('PUT', '/v1/routes/probe?wait=all&timeoutMs=60000', probeRoute(0))
  console.error(`${system.edges} edge(s), ${system.workers} workers ready after ${Math.round(performance.now() - started)} ms`)
}

async function showEmpty(workers: number, when: string): Promise<void> {
  const edges = values.bus === 'local' ? await startEmptyEmbedded(workers) : await startEmptyOverNats(workers)
  const times = await timesOf(edges, { count: Number(values['empty-changes']), everyMs: 1000 / perSecond })
  await edges.stop()
  console.log(`${when}, processes that do nothing with it: p50=${show(times, 50)} ms p90=${show(times, 90)} ms p99=${show(times, 99)} ms`)
}

async function loneChanges(system: MeasuredSystem, admin: AdminClient, probes: readonly Probe[]): Promise<void> {
  const everyMs = 1000 / perSecond
  const prober = new Prober(probes, { everyMs: 50, chaseMs: 5 })
  const count = warmUp + Number(values.changes)
  const { made, early, latencies, proberMs } = await makeLoneChanges(admin, prober, { count, everyMs })
  await prober.stop()
  const stored = await storedTimes(admin, made)
  const { standing, ofChange } = await cpuOfLoneChanges(system, admin, { from: count + 1, count: Number(values['cpu-changes']), everyMs })
  const effective = timesToEffect(made, probes, stored)
  const warm = made.slice(warmUp)
  console.log(`${warm.length} changes after ${warmUp}, ${perSecond} a second; p99 of requests ${show(latencies.without, 99)} ms without changes, ${show(latencies.withChanges, 99)} ms with them`)
  if (warmUp > 0) console.log(`first change ${effective[0]!.toFixed(1)} ms, the first ${warmUp} at most ${Math.max(...effective.slice(0, warmUp)).toFixed(1)} ms`)
  console.log(`requests=${total(probes, (probe) => probe.requests)} errors=${total(probes, (probe) => probe.errors)} stepped back=${total(probes, (probe) => probe.steppedBack)} receipts before their effect=${early}`)
  const untilStored = warm.map(({ revision, sentAt }) => stored.get(revision)! - sentAt)
  const answers = warm.map(({ sentAt, answeredAt }) => answeredAt - sentAt)
  const receipts = warm.map(({ propagationMs }) => propagationMs ?? Infinity)
  console.log(`from the request until it is stored p50=${show(untilStored, 50)} p99=${show(untilStored, 99)} ms; to the receipt p50=${show(answers, 50)} p99=${show(answers, 99)} ms; control's own figure p50=${show(receipts, 50)} p99=${show(receipts, 99)} ms`)
  console.log(`CPU ms of a change: ${showCpu(ofChange)}; of the prober while it probes ${proberMs.toFixed(1)}`)
  console.log(`CPU ms a second without changes and requests: ${showCpu(standing)}`)
  showLast(system, warm.map(({ storeMs }) => storeMs), effective.slice(warmUp))
}

async function flood(system: MeasuredSystem, admin: AdminClient, probes: readonly Probe[]): Promise<void> {
  const everyMs = (1000 * probes.length) / requestsPerSecond
  const prober = new Prober(probes, { everyMs, chaseMs: everyMs })
  const bystander = await startBystander(1000 / requestsPerSecond)
  const { without, withChanges, made, answers, storeMs } = await makeFlood(system, prober, bystander.prober, { perSecond, spells: Number(values.spells) })
  await Promise.all([prober.stop(), bystander.stop()])
  const p99 = (spells: typeof without, what: 'latencies' | 'beside') => spells.map((spell) => quantile(spell[what], 99))
  const [p99Without, p99With] = [p99(without, 'latencies'), p99(withChanges, 'latencies')]
  const more = (what: 'latencies' | 'beside') => (quantile(p99(withChanges, what), 50) - quantile(p99(without, what), 50)).toFixed(1)
  for (const [index, spell] of withChanges.entries()) {
    const { changes, seconds } = spell
    console.log(`spell ${index + 1}: ${(changes / seconds).toFixed(1)} changes a second; p50 and p99 of ${spell.latencies.length} requests ${show(without[index]!.latencies, 50)} ${p99Without[index]!.toFixed(1)} ms without, ${show(spell.latencies, 50)} ${p99With[index]!.toFixed(1)} ms with changes; beside it ${show(without[index]!.beside, 99)} and ${show(spell.beside, 99)}`)
    for (const [what, { cpu, seconds: length }] of Object.entries({ without: without[index]!, 'with changes': spell })) console.log(`  CPU ms a second, ${what}: ${showCpu(new Map([...cpu].map(([name, ms]) => [name, ms / length])))}`)
  }
  console.log(`requests=${total(probes, (probe) => probe.requests)} errors=${total(probes, (probe) => probe.errors)} stepped back=${total(probes, (probe) => probe.steppedBack)}; from when a change was due to its answer p50=${show(answers, 50)} p99=${show(answers, 99)} ms; requests' p99 ${more('latencies')} ms more with changes, beside it ${more('beside')}`)
  const own = made.slice(Math.floor(made.length / (Number(values.spells) + 1)))
  showLast(system, storeMs, timesToEffect(made, probes, await storedTimes(admin, made)).slice(-own.length))
}

/** Of each change, from when the store had it to the last worker's first answer by it. */
function timesToEffect(made: readonly Made[], probes: readonly Probe[], stored: ReadonlyMap<number, number>): number[] {
  return made.map(({ number, revision }) => Math.max(...probes.map((probe) => probe.seenAt[number] ?? Infinity)) - stored.get(revision)!)
}

function showLast({ edges, workers, store, bus }: MeasuredSystem, storeMs: readonly number[], effective: readonly number[]): void {
  console.log(`store p50=${show(storeMs, 50)} ms p99=${show(storeMs, 99)} ms`)
  console.log(`propagation edges=${edges} workers=${workers} p50=${show(effective, 50)} ms p99=${show(effective, 99)} ms store=${store} bus=${bus}`)
}

function total(probes: readonly Probe[], of: (probe: Probe) => number): number {
  return probes.reduce((sum, probe) => sum + of(probe), 0)
}

await main()
