import { fetchOnce, waitUntil } from '@sluice/testkit'
import { makeConsumer, makeKeyOf, withKey } from '../../actors/consumers.ts'
import { Zone, hasFilter } from '../../modes/zones/namespaces.ts'
import type { Row, RowContext } from '../row.ts'

async function rollEverything(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { zoned, system } = matrix
  const before = await context.quietSpan()
  for (const service of zoned.services) {
    const from = performance.now()
    await service.restart()
    await zoned.settled()
    context.note(`${service.name}:`)
    context.clean(before, load.between(from, performance.now()))
  }
  for (const [index, server] of zoned.nats.entries()) {
    const from = performance.now()
    await server.kill()
    await server.start()
    await zoned.settled()
    context.note(`NATS ${index + 1} of ${zoned.nats.length}:`)
    context.clean(before, load.between(from, performance.now()))
  }
  for (const edge of system.edges) {
    const from = performance.now()
    await edge.process.restart()
    await zoned.settled()
    context.note(`${edge.name}, seen by the others:`)
    context.clean(before, load.between(from, performance.now(), system.edges.filter((other) => other !== edge).map(({ name }) => name)))
  }
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
  context.after(async () => {
    await edge.stop().catch(() => {})
    await waitUntil(async () => (await stateOf(context)) !== 'live', { timeoutMs: 40_000, everyMs: 200, what: 'the edge to be gone' })
  })
  const began = performance.now()
  await edge.start()
  await waitUntil(async () => (await stateOf(context)) === 'live', { timeoutMs: 20_000, everyMs: 50, what: 'the edge to have joined' })
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

async function stateOf({ matrix }: RowContext): Promise<string | undefined> {
  const { items } = (await matrix.system.admin('GET', '/v1/edges')).json<{ items: { name: string; state: string }[] }>()
  return items.find(({ name }) => name === 'edge-walled')?.state
}

export const restartRows: readonly Row[] = [
  { id: 'rolling-restart', fault: 'rolling restart of everything', expectation: 'clean, with each edge watched by the clients of the others', run: rollEverything },
  { id: 'two-versions', fault: 'two versions mixed', expectation: 'N − 1 and N agree on messages', cannot: () => 'there is one version yet; what may change in messages is checked against the accepted ones by `npm run check`' },
  { id: 'outbound-only', fault: 'an edge whose network permits connections to control and to no other part', expectation: 'joins, gets its configuration, has keys checked and revoked, reports usage', cannot: () => (hasFilter() ? undefined : 'nft is not there, or its rules are not permitted'), run: outboundOnly },
]
