/**
 * Everything at once for a long time: HTTP/1.1, HTTP/2 under TLS, WebSockets, event streams, large bodies both ways, idle connections, a change
 * of the configuration each second, certificates that are replaced, a worker that is replaced and one that is killed, each every now and then.
 * Requests come at an even rate beside it, half of what saturates the machine at its beginning. `SLUICE_SOAK_PLOT`: a file for the plot.
 * `SLUICE_SOAK_MINUTES` [30], `SLUICE_SOAK_IDLE` connections [10000], `SLUICE_SOAK_BODY_MB` [1024], `SLUICE_SOAK_OUT`: a file for the samples, a line each.
 */
import assert from 'node:assert/strict'
import { appendFileSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, freePort, makeCertificate, waitUntil } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'
import { LoadProcess } from './soak/load-process.ts'
import { quantileBetween } from './soak/latencies.ts'
import { figuresOf, median } from './soak/process-figures.ts'
import { soakPlot } from './soak/soak-plot.ts'

const setting = (name: string, standard: number) => Number(process.env[name] ?? standard)
const minutes = setting('SLUICE_SOAK_MINUTES', 30)
const idleConnections = setting('SLUICE_SOAK_IDLE', 10_000)
const bodyBytes = setting('SLUICE_SOAK_BODY_MB', 1024) * 1024 * 1024
const sampleMs = 5000
/** From then on nothing may grow any more, as a share of the whole time. */
const warmShare = 0.4

interface Sample {
  readonly second: number
  readonly rssMb: number
  readonly files: number
  readonly idle: number
  readonly p50Ms: number
  readonly p99Ms: number
}

test('mixed traffic for a long time: no error, and neither memory nor open files nor latency grow', { timeout: (minutes * 60 + 1800) * 1000 }, async (t) => {
  const [load, paced] = [await LoadProcess.start(t), await LoadProcess.start(t)]
  const [port, securePort] = [await freePort(), await freePort()]
  const authority = makeCertificate({ subject: 'soak authority', isAuthority: true })
  const issue = () => makeCertificate({ names: ['127.0.0.1'], issuer: authority })
  let certificate = issue()
  let version = 1
  const patient = { maxConnectionsPerAddress: 0, timeouts: { idleMs: 86_400_000 } }
  const document = () => ({
    listeners: { http: { address: `127.0.0.1:${port}`, ...patient }, https: { address: `127.0.0.1:${securePort}`, certificates: [{ certFile: 'soak.pem', keyFile: 'soak.key' }], ...patient } },
    secrets: { 'file:soak.pem': certificate.cert, 'file:soak.key': certificate.key },
    upstreams: { main: { endpoints: [{ url: load.upstream }], timeouts: { requestMs: 3_600_000, idleMs: 120_000, firstByteMs: 120_000 } }, paced: { endpoints: [{ url: paced.upstream }] } },
    routes: [
      { name: 'all', match: { pathPrefix: '/' }, upstream: 'main', policies: [{ 'request-limits': { maxBodyBytes: bodyBytes } }] },
      { name: 'paced', match: { path: '/paced' }, upstream: 'paced' },
      { name: 'version', match: { path: '/version' }, policies: [{ 'fixed-response': { body: String(version) } }] },
    ],
  })
  const under = await startEdge(t, undefined, { workers: 2, port })
  await under.apply(document() as never, { timeoutMs: 300_000 })
  await under.edge.serving()
  const [survivor] = under.edge.workerPids
  const counts = { changes: 0, certificates: 0 }
  /** Odd while one is under way. */
  const ends = { kills: 0, replaced: 0 }
  const quiet = figuresOf(survivor!)
  const begin = { kind: 'begin', place: { port, securePort, authority: authority.cert }, idleConnections, bodyBytes } as const
  load.tell({ ...begin, part: 'mixed' })
  await waitUntil(() => load.latest?.idle === idleConnections, { timeoutMs: 1_200_000, everyMs: 200, what: `${idleConnections} idle connections` })
  paced.tell({ ...begin, part: 'paced' })
  await waitUntil(() => (paced.latest?.ratePerSecond ?? 0) > 0, { timeoutMs: 120_000, everyMs: 200, what: 'half of saturation to be known' })

  const end = performance.now() + minutes * 60_000
  const wrong: string[] = []
  const changing = (async () => {
    while (performance.now() < end) {
      version++
      if (++counts.changes % 30 === 0) {
        certificate = issue()
        counts.certificates++
      }
      const { refusal } = await under.apply(document() as never, { timeoutMs: 60_000 })
      const seen = await fetchOnce(`http://127.0.0.1:${port}/version`, { timeoutMs: 60_000 }).then(({ body }) => body, String)
      if (refusal !== undefined || seen !== String(version)) wrong.push(`revision ${version}: ${refusal?.detail ?? seen}`)
      await sleep(1000)
    }
  })()
  /** The other one of the two, which may die so that the first can be watched. */
  const other = () => under.edge.workerPids.find((pid) => pid !== survivor)
  const bothServe = (gone: number | undefined) => waitUntil(() => under.edge.workerPids.length === 2 && other() !== gone, { timeoutMs: 120_000 })
  const tellEnds = () => [load, paced].forEach((one) => one.tell({ kind: 'ends', ends }))
  const ending = (async () => {
    for (let round = 0; performance.now() < end; round++) {
      await sleep(Math.min(45_000, Math.max(0, end - performance.now())))
      const victim = other()
      if (victim === undefined || performance.now() > end - 20_000) continue
      const what = round % 2 === 0 ? 'replaced' : 'kills'
      ends[what]++
      tellEnds()
      process.kill(victim, what === 'kills' ? 'SIGKILL' : 'SIGTERM')
      await bothServe(victim)
      // Whatever was under way on it has broken or ended by now, and its clients know.
      await sleep(2000)
      ends[what]++
      tellEnds()
    }
  })()
  const samples: Sample[] = []
  const began = performance.now()
  let answered = paced.latest!.latencies
  while (performance.now() < end) {
    await sleep(sampleMs)
    const [{ idle }, { latencies }] = [load.latest!, paced.latest!]
    const sample = { second: Math.round((performance.now() - began) / 1000), ...figuresOf(survivor!), idle, p50Ms: quantileBetween(answered, latencies, 0.5), p99Ms: quantileBetween(answered, latencies, 0.99) }
    answered = latencies
    samples.push(sample)
    if (process.env['SLUICE_SOAK_OUT'] !== undefined) appendFileSync(process.env['SLUICE_SOAK_OUT'], `${JSON.stringify({ ...sample, ...load.latest!.done, paced: paced.latest!.done.paced, ...counts, ...ends, failures: load.latest!.failures.length + paced.latest!.failures.length })}\n`)
  }
  await Promise.all([changing, ending, load.stop(), paced.stop()])
  const { ratePerSecond } = paced.latest!
  const done = { ...load.latest!.done, paced: paced.latest!.done.paced }
  const failures = [...load.latest!.failures, ...paced.latest!.failures]
  if (process.env['SLUICE_SOAK_PLOT'] !== undefined) writeFileSync(process.env['SLUICE_SOAK_PLOT'], plotOf(samples, ratePerSecond))

  const warm = samples.filter(({ second }) => second >= minutes * 60 * warmShare)
  const [first, last] = [warm.slice(0, Math.ceil(warm.length / 3)), warm.slice(-Math.ceil(warm.length / 3))]
  const both = (figure: (sample: Sample) => number) => [first, last].map((part) => median(part.map(figure)))
  const [rss, p50, p99] = [both(({ rssMb }) => rssMb), both(({ p50Ms }) => p50Ms), both(({ p99Ms }) => p99Ms)]
  t.diagnostic(JSON.stringify({ minutes, ratePerSecond, p50Ms: p50, p99Ms: p99, ...done, ...counts, kills: ends.kills / 2, replaced: ends.replaced / 2, idle: samples.at(-1)?.idle, rssMb: rss.map(Math.round), peakMb: Math.round(Math.max(...samples.map(({ rssMb }) => rssMb))) }))
  assert.deepEqual([...failures, ...wrong], [])
  for (const [what, count] of Object.entries(done)) if (what !== 'reconnects') assert.ok(count > 0, `no ${what}`)
  assert.ok(ends.kills > 0 && ends.replaced > 0 && counts.certificates > 0, JSON.stringify({ ...ends, ...counts }))
  assert.ok(under.edge.workerPids.includes(survivor!), 'the worker that is watched has ended')
  assert.ok(rss[1]! <= rss[0]! * 1.15 + 24, `memory grew from ${rss[0]} to ${rss[1]} MB`)
  assert.ok(p50[1]! <= p50[0]! * 1.25 + 2, `the median of latency grew from ${p50[0]} to ${p50[1]} ms`)
  assert.ok(p99[1]! <= p99[0]! * 1.5 + 20, `the p99 of latency grew from ${p99[0]} to ${p99[1]} ms`)
  // What clients held open is given back; connections to the upstream are kept for a while.
  await waitUntil(() => figuresOf(survivor!).files <= quiet.files + 64, { timeoutMs: 120_000, what: `open files to come down to about ${quiet.files}` })
})

function plotOf(samples: readonly Sample[], ratePerSecond: number): string {
  const line = (name: string, figure: (sample: Sample) => number) => ({ name, values: samples.map(figure) })
  return soakPlot(samples.map(({ second }) => second), [
    { title: 'Memory of a worker, MB, over the minutes', lines: [line('RSS', ({ rssMb }) => rssMb)] },
    { title: `Latency of ${ratePerSecond} requests a second, ms:`, lines: [line('p50', ({ p50Ms }) => p50Ms), line('p99', ({ p99Ms }) => p99Ms)] },
    { title: 'Open files of a worker', lines: [line('files', ({ files }) => files)] },
  ])
}
