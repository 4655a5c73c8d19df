import { fetchOnce, waitUntil } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from '../../actors/consumers.ts'
import type { SluiceProcess } from '../../modes/sluice-process.ts'
import { openRelay } from '../../modes/tcp-relay.ts'
import { hasFilter, meetingAddress, Zone } from '../../modes/zones/namespaces.ts'
import type { MatrixSystem } from '../matrix-system.ts'
import type { Row, RowContext } from '../row.ts'

const delayMs = 60
const noFilter = () => (hasFilter() ? undefined : 'nft is not there, or its rules are not permitted')

async function partition(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { zones } = matrix.zoned
  const cutOff = ['edge-c', 'edge-d']
  const before = await context.quietSpan()
  context.after(() => zones.c.unfilter())
  const from = performance.now()
  zones.c.filter({ input: ['tcp sport 4222 drop', 'tcp dport 4222 drop'], output: ['tcp dport 4222 drop', 'tcp sport 4222 drop'] })
  const isMissing = async () => stateOf(matrix, cutOff).then((states) => states.every((state) => state === 'missing'))
  await waitUntil(isMissing, { timeoutMs: 60_000, everyMs: 200, what: 'the edges to count as missing' })
  context.note(`told as missing after ${Math.round((performance.now() - from) / 1000)} s`)
  const { status, body } = await matrix.change('during the partition', '?wait=all&timeoutMs=10000')
  const receipt = JSON.parse(body) as { edges: { acknowledged: number; expected: number } }
  context.check(status === 200 && receipt.edges.expected === 2, `a receipt counts the ${receipt.edges.expected} edges that are live`)
  await context.hold(10)
  context.clean(before, load.between(from, performance.now()))
  const healed = performance.now()
  zones.c.unfilter()
  await waitUntil(async () => stateOf(matrix, cutOff).then((states) => states.every((state) => state === 'live')), { timeoutMs: 60_000, everyMs: 50, what: 'the edges to be back' })
  await matrix.zoned.settled()
  const ms = Math.round(performance.now() - healed)
  context.check(ms <= 5000, `live and at the head ${ms} ms after it healed`)
}

async function stateOf(matrix: MatrixSystem, names: readonly string[]): Promise<string[]> {
  const { items } = (await matrix.system.admin('GET', '/v1/edges')).json<{ items: { name: string; state: string }[] }>()
  return items.filter(({ name }) => names.includes(name)).map(({ state }) => state)
}

/** What lies in the zone goes on; what needs the others does as the policies say. */
async function cutZone(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { zones } = matrix.zoned
  const before = await context.quietSpan()
  context.after(() => zones.c.heal())
  const from = performance.now()
  zones.c.cut()
  const { status } = await matrix.change('without zone c')
  context.check(status === 200, `a change is taken (${status})`)
  const ms = await matrix.reaches('without zone c', 30_000, [matrix.zoned.edge('edge-a'), matrix.zoned.edge('edge-b')])
  context.note(`on the edges of the other zones after ${ms} ms`)
  await context.hold(5)
  context.clean(before, load.between(from, performance.now()))
  const healed = performance.now()
  zones.c.heal()
  const there = await matrix.reaches('without zone c', 60_000)
  await matrix.zoned.settled()
  context.check(performance.now() - healed <= 20_000, `healed: the change on the edges of the zone after ${there} ms, all live after ${Math.round(performance.now() - healed)} ms`)
}

async function losePackets(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const zones = Object.values(matrix.zoned.zones)
  const before = await context.quietSpan()
  context.after(() => zones.forEach((zone) => zone.unfilter()))
  const from = performance.now()
  for (const zone of zones) zone.filter({ input: ['iifname "backbone" numgen random mod 100 < 5 drop'] })
  const times: number[] = []
  for (let round = 0; round < 10; round++) {
    const asked = performance.now()
    const { status } = await matrix.change(`lossy ${round}`, '?wait=all&timeoutMs=10000')
    context.check(status === 200, `change ${round}: ${status} after ${Math.round(performance.now() - asked)} ms`)
    times.push(performance.now() - asked)
  }
  context.check(Math.max(...times) <= 5000, `slowest change acknowledged by all after ${Math.round(Math.max(...times))} ms`)
  await context.hold(1)
  context.clean(before, load.between(from, performance.now()))
}

/** An edge whose way to everything takes `delayMs` longer, either way. */
async function delay(context: RowContext): Promise<void> {
  const { matrix } = context
  const { zoned, system } = matrix
  const relayed = async (address: string) => {
    const relay = await openRelay(context.t, address, meetingAddress)
    relay.delayMs = delayMs
    return relay.address
  }
  const [nats, redis, control] = await Promise.all([relayed(zoned.nats[0]!.address), relayed(zoned.redis.address), relayed(new URL(system.adminUrl).host)])
  const edge = zoned.another(context.t, {
    name: 'edge-far', service: 'edge', zone: zoned.zones.c, metricsPort: 9160,
    env: { SLUICE_EDGE_NAME: 'edge-far', SLUICE_LISTEN_HTTP: '0.0.0.0:8060', SLUICE_NATS_URL: `nats://${nats}`, SLUICE_REDIS_URL: `redis://${redis}`, SLUICE_CONTROL_URLS: `http://${control}` },
  })
  await edge.start()
  context.after(() => leave(context, edge))
  await waitUntil(async () => (await stateOf(matrix, ['edge-far'])).join() === 'live', { timeoutMs: 30_000, everyMs: 50, what: 'the edge to have joined' })
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    const { status, body } = await matrix.change(`far ${round}`, '?wait=all&timeoutMs=10000')
    const { edges, propagationMs = Number.NaN } = JSON.parse(body) as { edges: { acknowledged: number; expected: number }; propagationMs?: number }
    context.check(status === 200 && edges.acknowledged === system.edges.length + 1, `change ${round}: acknowledged by ${edges.acknowledged} of ${edges.expected} edges in ${propagationMs} ms`)
    times.push(propagationMs)
  }
  context.check(Math.min(...times) >= 2 * delayMs, `no receipt came before the far edge could have run it (${2 * delayMs} ms)`)
  const url = `http://${zoned.zones.c.clientAddress}:8060`
  const answers = { failed: 0, slowest: 0 }
  for (let index = 0; index < 200; index++) {
    const began = performance.now()
    const { status } = await fetchOnce(`${url}/${['open', 'limited'][index % 2]}/of/this`)
    if (status !== 200) answers.failed++
    answers.slowest = Math.max(answers.slowest, performance.now() - began)
  }
  context.check(answers.failed === 0, `200 requests there, half of them limited, ${answers.failed} failed, the slowest after ${Math.round(answers.slowest)} ms`)
}

/** Says goodbye, and is gone from receipts. */
export async function leave(context: RowContext, edge: SluiceProcess): Promise<void> {
  const { matrix } = context
  if (edge.isRunning) await edge.stop().catch((error: Error) => context.check(false, `${edge.name}: ${error.message.slice(0, 300)}`))
  await waitUntil(async () => (await stateOf(matrix, [edge.name])).join() !== 'live', { timeoutMs: 40_000, everyMs: 200, what: `${edge.name} to be gone` })
}

/** An edge that may open connections to control, and nothing else; and whom nobody but its clients may connect to. */
async function outboundOnly(context: RowContext): Promise<void> {
  const { matrix } = context
  const { zoned, system } = matrix
  const [controlAddress, adminPort, httpPort] = [zoned.zones.a.address, 8001, 8000]
  const walled = await Zone.open(context.t, 'w', 4)
  walled.filter({
    input: ['iif lo accept', 'ct state established,related accept', `iifname "clients" tcp dport { ${httpPort}, 9150 } accept`, 'drop'],
    output: ['oif lo accept', `oifname "clients" ct state established,related accept`, 'oifname "clients" ip daddr 10.79.0.0/24 accept', `ip daddr ${controlAddress} tcp dport ${adminPort} accept`, 'drop'],
  })
  const edge = zoned.another(context.t, {
    name: 'edge-walled', service: 'edge', zone: walled, metricsPort: 9150,
    env: { SLUICE_EDGE_NAME: 'edge-walled', SLUICE_BUS: 'control', SLUICE_LISTEN_HTTP: `0.0.0.0:${httpPort}`, SLUICE_NATS_URL: '', SLUICE_REDIS_URL: '' },
  })
  const url = `http://${walled.clientAddress}:${httpPort}`
  const began = performance.now()
  await edge.start()
  context.after(() => leave(context, edge))
  await waitUntil(async () => (await stateOf(matrix, ['edge-walled'])).join() === 'live', { timeoutMs: 20_000, everyMs: 50, what: 'the edge to have joined' })
  context.note(`joined ${Math.round(performance.now() - began)} ms after its start`)
  const { status, body } = await matrix.change('behind the wall', '?wait=all&timeoutMs=10000')
  const { edges, propagationMs } = JSON.parse(body) as { edges: { acknowledged: number; expected: number }; propagationMs: number }
  context.check(status === 200 && edges.acknowledged === system.edges.length + 1, `a change acknowledged by ${edges.acknowledged} of ${edges.expected} edges in ${propagationMs} ms`)
  context.check((await fetchOnce(`${url}/versioned`)).body === 'behind the wall', 'it serves the change')
  await makeConsumer(system, 'walled')
  const key = await makeKeyOf(system, 'walled')
  const sent = 50
  for (let index = 0; index < sent; index++) {
    const answer = await fetchOnce(`${url}/key/of/this`, withKey(key.key))
    if (answer.status !== 200) context.check(false, `an API key: ${answer.status} ${answer.body}`)
  }
  const used = async () => (await system.admin('GET', '/v1/usage')).json<{ items: { consumer: string; requests: number }[] }>().items.find(({ consumer }) => consumer === 'walled')?.requests ?? 0
  const counted = await waitUntil(async () => (await used()) >= sent, { timeoutMs: 20_000, everyMs: 100, what: 'its usage' }).then(used, used)
  context.check(counted === sent, `${sent} requests with an API key, ${counted} in the usage that control tells`)
  const revoked = performance.now()
  await system.admin('DELETE', `/v1/consumers/walled/credentials/${key.id}?wait=all`)
  await waitUntil(async () => (await fetchOnce(`${url}/key/of/this`, withKey(key.key))).status === 401, { timeoutMs: 10_000, everyMs: 10, what: 'the key to be refused' })
  context.check(performance.now() - revoked <= 1000, `a revoked key refused after ${Math.round(performance.now() - revoked)} ms`)
  const own = walled.connections().filter(({ fromHere, to }) => fromHere && !to.startsWith('127.') && !to.startsWith('10.79.'))
  context.check(own.length > 0 && own.every(({ to, port }) => to === controlAddress && port === adminPort), `its connections to other parts of the gateway: ${[...new Set(own.map(({ to, port }) => `${to}:${port}`))].join(', ')} alone`)
  await cutFromControl(context, url)
}

/** Control restarted: the edge serves meanwhile, and finds it again by itself. */
async function cutFromControl(context: RowContext, url: string): Promise<void> {
  const { matrix } = context
  const control = matrix.zoned.service('control')
  context.after(async () => void (control.isRunning || (await control.start())))
  await control.kill()
  context.check((await fetchOnce(`${url}/open/of/this`)).status === 200, 'without control it serves')
  await control.start()
  const back = performance.now()
  await waitUntil(async () => (await matrix.change('behind it again', '?wait=all&timeoutMs=2000')).status === 200 && (await fetchOnce(`${url}/versioned`)).body === 'behind it again', { timeoutMs: 60_000, everyMs: 100, what: 'the edge to be back' })
  context.note(`a change acknowledged by it ${Math.round(performance.now() - back)} ms after control was back`)
}

export const networkRows: readonly Row[] = [
  { id: 'nats-partition', fault: 'edge ↔ NATS partition, 10 min', expectation: 'clean; missing from receipts once silent for 30 s; at the head within 5 s after it healed', cannot: noFilter, run: partition },
  { id: 'zone-cut', fault: 'a zone cut off from the others (link down), 5 min', expectation: 'clean in every zone; changes go on outside it, and reach it once it healed', run: cutZone },
  { id: 'packet-loss', fault: '5 % of the packets between zones lost', expectation: 'clean; each change acknowledged by all within 5 s', cannot: noFilter, run: losePackets },
  { id: 'latency', fault: 'everything that an edge speaks to is 120 ms away, there and back', expectation: 'joins; changes acknowledged; limits follow their policy instead of waiting', run: delay },
  { id: 'outbound-only', fault: 'an edge whose network permits connections to control and to no other part', expectation: 'joins, gets its configuration, has keys checked and revoked, reports usage', cannot: noFilter, run: outboundOnly },
]
