import assert from 'node:assert/strict'
import { before, beforeEach, it } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { createSequencedPublisher, type SequencedPublisher } from '@sluice/buses/sequenced'
import { EndpointHealth, UpstreamStateSchema } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { afterPromise, answer, fetchOnce, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let publisher: SequencedPublisher
let first: ScriptedUpstream
let second: ScriptedUpstream
let version = 0

before(async () => {
  ;[first, second] = [await startUpstream(whole), await startUpstream(whole)]
  under = await startEdge(whole, {
    upstreams: { found: { discovery: { source: 'registration', service: 'users' } } },
    routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'found' }],
  })
  publisher = createSequencedPublisher(under.bus, subjects.upstreamState('default'))
  whole.after(() => publisher.stop())
})
beforeEach(() => {
  first.does(answer(200, 'first'))
  second.does(answer(200, 'second'))
})

/** Discovery's word: these endpoints, and no others. */
function say(...list: (readonly [ScriptedUpstream, EndpointHealth])[]): void {
  const endpoints = list.map(([{ url }, health]) => ({ id: url, url, weight: 1, health }))
  publisher.publish(toBinary(UpstreamStateSchema, create(UpstreamStateSchema, { scope: 'default', upstream: 'found', version: ++version, epochMs: 1, endpoints })))
}

/** Says it, and waits until ten requests in a row were answered by exactly these. */
async function sayAndSee(expected: readonly string[], ...list: Parameters<typeof say>): Promise<void> {
  say(...list)
  await waitUntil(async () => {
    const bodies = new Set<string>()
    for (let time = 0; time < 10; time++) bodies.add((await fetchOnce(under.url)).body)
    return bodies.symmetricDifference(new Set(expected)).size === 0
  })
}

const { HEALTHY, UNHEALTHY, DRAINING } = EndpointHealth

it('an endpoint that registers is sent to, one that probes find unhealthy is not', async () => {
  await sayAndSee(['first'], [first, HEALTHY])
  await sayAndSee(['first', 'second'], [first, HEALTHY], [second, HEALTHY])
  await sayAndSee(['first'], [first, HEALTHY], [second, UNHEALTHY])
})

it('what probes and traffic find is taken together: one by itself is enough to leave an endpoint out', async () => {
  await sayAndSee(['first', 'second'], [first, HEALTHY], [second, HEALTHY])
  second.does(answer(502, 'sick'))
  await waitUntil(async () => {
    await fetchOnce(under.url)
    return second.requests.slice(-5).length === 5 && (await left()) === 1
  })
  second.does(answer(200, 'second'))
  await sayAndSee(['first'], [first, HEALTHY], [second, HEALTHY])
  say([first, HEALTHY], [second, UNHEALTHY])
  await sayAndSee(['first', 'second'], [first, HEALTHY], [second, HEALTHY])
})

async function left(): Promise<number | undefined> {
  const metrics = await under.edge.metricsSnapshot()
  return metrics.find(({ name }) => name === 'sluice_endpoints_left_out')?.series[0]?.value
}

for (const [how, list] of [['drains', () => [[first, HEALTHY], [second, DRAINING]] as const], ['is deregistered', () => [[first, HEALTHY]] as const]] as const) {
  it(`an endpoint that ${how} finishes what is open and takes nothing new`, async () => {
    await sayAndSee(['second'], [second, HEALTHY])
    const gate = Promise.withResolvers<void>()
    second.does(afterPromise(gate.promise, answer(200, 'finished')))
    const before = second.requests.length
    const running = fetchOnce(under.url)
    await waitUntil(() => second.requests.length === before + 1)
    await sayAndSee(['first'], ...list())
    gate.resolve()
    assert.equal((await running).body, 'finished')
    assert.equal(second.requests.length, before + 1)
    await waitUntil(() => second.connections.open === 0)
  })
}
