import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import type { MatrixSystem } from '../matrix-system.ts'
import type { Row, RowContext } from '../row.ts'

const flapSeconds = 45

async function unhealthyOf({ system }: MatrixSystem): Promise<string[]> {
  const { items } = (await system.admin('GET', '/v1/endpoints?upstream=targets')).json<{ items: { url: string; health: string }[] }>()
  return items.filter(({ health }) => health !== 'healthy').map(({ url }) => url)
}

async function killDiscovery(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const discovery = matrix.zoned.service('discovery')
  const target = matrix.targets[3]!
  const before = await context.quietSpan()
  context.after(async () => {
    if (!discovery.isRunning) await discovery.start()
    await target.start().catch(() => {})
    await matrix.zoned.settled()
    await waitUntil(async () => (await unhealthyOf(matrix)).length === 0, { timeoutMs: 60_000, everyMs: 200, what: 'every target to be healthy' })
  })
  const from = performance.now()
  await discovery.kill()
  await context.quietSpan(5)
  await target.kill()
  await context.hold(10)
  const during = load.between(from, performance.now())
  const failed = [...during.faults.values()].reduce((sum, often) => sum + often, 0)
  context.note('one of four targets killed meanwhile')
  context.check(failed <= 5 * matrix.system.edges.length, `${during.requests} requests, ${failed} failed (at most 5 an edge)`)
  context.check(during.p99 <= Math.max(2 * before.p99, 150), `p99 ${Math.round(before.p99)} → ${Math.round(during.p99)} ms`)
}

async function blindProber(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { zones } = matrix.zoned
  for (const [index, zone] of [zones.a, zones.c].entries()) {
    const another = matrix.zoned.another(context.t, { name: `discovery-${zone.name}`, service: 'discovery', zone, metricsPort: 9130 + index, env: { SLUICE_ZONE: zone.name } })
    await another.start()
    context.after(async () => void (await another.stop().catch(() => another.kill())))
  }
  const before = await context.quietSpan()
  const from = performance.now()
  context.after(() => matrix.targets.forEach((target) => (target.deafTo = undefined)))
  for (const target of matrix.targets) target.deafTo = zones.b.clientAddress
  const evicted = new Set<string>()
  const until = performance.now() + 30_000
  while (performance.now() < until) {
    for (const url of await unhealthyOf(matrix)) evicted.add(url)
    await sleep(500)
  }
  const answered = matrix.targets.reduce((sum, target) => sum + target.deafened, 0)
  context.check(answered > 0, `${answered} probes from one zone got no answer in 30 s`)
  context.check(evicted.size === 0, `${evicted.size} targets that serve were left out`)
  context.clean(before, load.between(from, performance.now()))
}

async function flap(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const [flapping] = matrix.targets
  const before = await context.quietSpan()
  context.after(async () => {
    for (const target of matrix.targets) target.health = 200
    await waitUntil(async () => (await unhealthyOf(matrix)).length === 0, { timeoutMs: 300_000, everyMs: 500, what: 'every target to be healthy' })
  })
  const from = performance.now()
  const timer = setInterval(() => (flapping!.health = flapping!.health === 200 ? 503 : 200), 5000)
  context.after(() => clearInterval(timer))
  let suppressedAfter: number | undefined
  for (const until = from + flapSeconds * 1000; performance.now() < until; await sleep(250)) {
    const asked = flapping!.asked
    await sleep(250)
    const isLeftOut = flapping!.health === 200 && flapping!.asked === asked && (await unhealthyOf(matrix)).includes(flapping!.url)
    if (isLeftOut) suppressedAfter ??= Math.round((performance.now() - from) / 1000)
  }
  clearInterval(timer)
  const during = load.between(from, performance.now())
  const failed = [...during.faults.values()].reduce((sum, often) => sum + often, 0)
  context.check(failed <= during.requests / 100, `${during.requests} requests, ${failed} failed`)
  context.note(`the flapping target was first left out while it was well after ${suppressedAfter ?? `more than ${flapSeconds}`} s`)
  for (const target of matrix.targets) target.health = 503
  const panic = performance.now()
  await waitUntil(async () => (await unhealthyOf(matrix)).length === matrix.targets.length, { timeoutMs: 60_000, everyMs: 200, what: 'all targets to fail their probes' })
  await context.quietSpan(10)
  context.note('all fail their probes, and serve')
  context.clean(before, load.between(panic, performance.now()))
}

async function killAnalytics(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { system, zoned } = matrix
  const analytics = zoned.service('analytics')
  const before = await context.quietSpan()
  const name = 'matrix-usage'
  await system.admin('PUT', `/v1/consumers/${name}?wait=all`, {})
  const { key } = (await system.admin('POST', `/v1/consumers/${name}/credentials?wait=all`, { apiKey: {} })).json<{ key: string }>()
  context.after(async () => void (analytics.isRunning || (await analytics.start())))
  const from = performance.now()
  let sent = 0
  const use = async (count: number) => {
    for (let index = 0; index < count; index++, sent++) {
      const { status } = await fetchOnce(`${system.edges[sent % system.edges.length]!.url}/key/used`, { headers: { 'x-api-key': key } })
      if (status !== 200) context.check(false, `request ${sent} of the consumer: ${status}`)
    }
  }
  await use(100)
  await analytics.kill()
  await use(400)
  await context.hold(30)
  for (let kills = 0; kills < 5; kills++) {
    await analytics.start()
    await use(40)
    await sleep(200 * kills)
    await analytics.kill()
  }
  await analytics.start()
  const used = async () => (await system.admin('GET', '/v1/usage')).json<{ items: { consumer: string; requests: number }[] }>().items.find(({ consumer }) => consumer === name)?.requests ?? 0
  const back = performance.now()
  const counted = await waitUntil(async () => (await used()) >= sent, { timeoutMs: 600_000, everyMs: 200, what: 'everything to be counted' }).then(used, used)
  context.check(counted === sent, `${sent} requests of one consumer, ${counted} counted over 6 kills, the last of them ${Math.round((performance.now() - back) / 1000)} s after it was back`)
  context.clean(before, load.between(from, performance.now()))
}

export const discoveryRows: readonly Row[] = [
  { id: 'discovery-killed', fault: 'discovery down 10 min, one of four targets killed meanwhile', expectation: 'at most 5 failures an edge', run: killDiscovery },
  { id: 'prober-cut-off', fault: 'one zone cut off from the targets, for probes only; three instances of discovery', expectation: 'no serving target left out', run: blindProber },
  { id: 'flapping', fault: 'a target flaps every 5 s; then all fail their probes but serve', expectation: 'under 1 % errors; panic: no 5xx of the gateway', run: flap },
  { id: 'analytics-killed', fault: 'the sink down 30 min, then killed again and again', expectation: 'clean; every request counted, once', run: killAnalytics },
  { id: 'spool-disk-full', fault: 'the disk of the usage spool takes nothing', expectation: 'usage waits in memory, and is written once it does', tests: [{ file: 'services/edge/src/telemetry/usage-spool.test.ts' }] },
]
