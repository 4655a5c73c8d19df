import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { busNamed } from '@sluice/buses'
import { announce } from '@sluice/buses/rpc'
import { EndpointHealth, UpstreamReportSchema } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { answer, startUpstream, waitUntil, type Script, type ScriptedUpstream } from '@sluice/testkit'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startDiscovery, type DiscoveryUnderTest } from './discovery-harness.ts'

const active = { path: '/health', intervalSeconds: 0.2, timeoutMs: 1000, unhealthyAfter: 2, healthyAfter: 1 }

async function start(t: TestContext, zones: readonly string[]): Promise<DiscoveryUnderTest[]> {
  const bus = await (await busNamed('local').load()).createLocalBus()
  t.after(() => bus.drain(100))
  const started: DiscoveryUnderTest[] = []
  for (const zone of zones) started.push(await startAnother(t, bus, zone))
  await waitUntil(() => started.every((one) => valueOf(one, 'sluice_discovery_members') === zones.length), { what: 'all to know each other' })
  return started
}

async function startAnother(t: TestContext, bus: DiscoveryUnderTest['bus'], zone = ''): Promise<DiscoveryUnderTest> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-discovery-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return startDiscovery(t, { bus, zone, directory })
}

const valueOf = (one: DiscoveryUnderTest, name: string) => one.metrics.snapshot().find((metric) => metric.name === name)?.series[0]?.value
const leading = (all: readonly DiscoveryUnderTest[]) => all.filter((one) => valueOf(one, 'sluice_discovery_leading') === 1)
const probesOf = (upstream: ScriptedUpstream) => upstream.requests.filter(({ url }) => url === '/health')

/** Answers the probes of one connection after another with what `outcomes` says in turn. */
const inTurn = (...scripts: Script[]): Script => {
  let next = 0
  return (reply) => scripts[next++ % scripts.length]!(reply)
}

suite('several instances of discovery', () => {
  test('one of them tells the edges, and when it ends another one does, in a later epoch', async (t) => {
    const all = await start(t, ['', '', ''])
    assert.deepEqual(leading(all), [all[0]])
    all[0]!.configure({ users: { endpoints: [{ url: 'http://127.0.0.1:9' }] } })
    const before = await waitUntil(async () => (await all[0]!.states('users'))[0])
    assert.ok(all[0]!.told.every(({ epochMs }) => epochMs <= before.epochMs))
    await all[0]!.service.stop({ deadlineMs: 500 })
    await waitUntil(() => leading(all.slice(1)).length === 1)
    const after = await waitUntil(() => all[1]!.told.findLast(({ upstream, epochMs }) => upstream === 'users' && epochMs > before.epochMs))
    assert.deepEqual(after.endpoints.map(({ id }) => id), ['http://127.0.0.1:9'])
    assert.ok((await all[1]!.states('users'))[0]!.epochMs >= after.epochMs)
  })

  test('an endpoint is probed by three of them, not by all', async (t) => {
    const all = await start(t, ['', '', '', '', ''])
    const upstreams = await Promise.all(Array.from({ length: 6 }, () => startUpstream(t, answer(200))))
    all[0]!.configure({ users: { endpoints: upstreams.map(({ url }) => ({ url })), health: { active: { ...active, intervalSeconds: 1 } } } })
    await waitUntil(() => upstreams.every((upstream) => probesOf(upstream).length >= 9), { timeoutMs: 15_000 })
    for (const upstream of upstreams) {
      const [first, last] = [probesOf(upstream)[0]!.at, probesOf(upstream).at(-1)!.at]
      const perSecond = (probesOf(upstream).length - 1) / ((last - first) / 1000)
      assert.ok(perSecond > 1.5 && perSecond < 4.5, `${perSecond} probes a second`)
    }
  })

  test('what one of three finds down stays, what all find is out', async (t) => {
    const all = await start(t, ['', '', ''])
    const [one, other] = [await startUpstream(t, answer(200)), await startUpstream(t, answer(200))]
    all[0]!.configure({ users: { endpoints: [{ url: one.url }, { url: other.url }], health: { active: { ...active, unhealthyAfter: 1, healthyAfter: 1, intervalSeconds: 3600 } } } })
    await waitUntil(() => probesOf(one).length === 3 && probesOf(other).length === 3)
    const doubt = () => announce(all[0]!.bus, subjects.upstreamReport('default'), UpstreamReportSchema, { scope: 'default', edge: 'e', zone: '', worker: 1, findings: [{ upstream: 'users', circuit: '', leftOut: [one.url, other.url] }] })
    one.doesNext(answer(500))
    other.does(answer(500))
    // The votes on both travel together, so those on the one have been heard when the other is out.
    await waitUntil(() => {
      doubt()
      return probesOf(one).length >= 6 && probesOf(other).length >= 6
    }, { timeoutMs: 15_000 })
    await waitUntil(() => all[0]!.told.some(({ endpoints }) => endpoints.some(({ id, health }) => id === other.url && health === EndpointHealth.UNHEALTHY)))
    const healthOf = async () => (await all[0]!.healthOf('users')).sort()
    assert.deepEqual(await healthOf(), [`${one.url} HEALTHY`, `${other.url} UNHEALTHY`].sort())
    one.does(answer(500))
    await waitUntil(async () => {
      doubt()
      return (await healthOf()).every((text) => text.endsWith('UNHEALTHY'))
    }, { timeoutMs: 15_000 })
  })

  test('who takes over begins with what the others have found', async (t) => {
    const all = await start(t, ['', ''])
    const upstream = await startUpstream(t, answer(500))
    all[0]!.configure({ users: { endpoints: [{ url: upstream.url }], health: { active } } })
    await waitUntil(async () => (await all[0]!.healthOf('users'))[0] === `${upstream.url} UNHEALTHY`, { timeoutMs: 15_000 })
    await all[0]!.service.stop({ deadlineMs: 500 })
    await waitUntil(() => leading([all[1]!]).length === 1)
    assert.deepEqual(await all[1]!.healthOf('users'), [`${upstream.url} UNHEALTHY`])
  })

  test('traffic that finds an endpoint failing has it probed at once', async (t) => {
    const [discovery] = await start(t, [''])
    const upstream = await startUpstream(t, answer(200))
    discovery!.configure({ users: { endpoints: [{ url: upstream.url }], health: { active: { ...active, intervalSeconds: 3600, unhealthyAfter: 2 } } } })
    await waitUntil(() => probesOf(upstream).length === 1)
    await upstream.kill()
    announce(discovery!.bus, subjects.upstreamReport('default'), UpstreamReportSchema, { scope: 'default', edge: 'e', zone: '', worker: 1, findings: [{ upstream: 'users', circuit: '', leftOut: [upstream.url] }] })
    await waitUntil(async () => (await discovery!.healthOf('users'))[0] === `${upstream.url} UNHEALTHY`, { timeoutMs: 15_000 })
  })

  test('an endpoint that comes and goes too often is left out until it rests', async (t) => {
    const [discovery] = await start(t, [''])
    const upstream = await startUpstream(t, inTurn(answer(200), answer(500)))
    discovery!.configure({ users: { endpoints: [{ url: upstream.url }], health: { active: { ...active, unhealthyAfter: 1, healthyAfter: 1, intervalSeconds: 0.1 } } } })
    await waitUntil(() => discovery!.told.some(({ endpoints }) => endpoints[0]?.reason.startsWith('it has come and gone') === true), { timeoutMs: 15_000 })
    upstream.does(answer(200))
    const probed = probesOf(upstream).length
    await waitUntil(() => probesOf(upstream).length >= probed + 3)
    assert.deepEqual(await discovery!.healthOf('users'), [`${upstream.url} UNHEALTHY`])
  })
})
