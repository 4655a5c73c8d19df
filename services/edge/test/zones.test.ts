import assert from 'node:assert/strict'
import { before, it } from 'node:test'
import { create, toBinary } from '@bufbuild/protobuf'
import { createSequencedPublisher, type SequencedPublisher } from '@sluice/buses/sequenced'
import { EndpointHealth, UpstreamStateSchema } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { answer, fetchOnce, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let publisher: SequencedPublisher
let local: ScriptedUpstream[]
let others: ScriptedUpstream[]
let version = 0

before(async () => {
  const start = (body: string, count: number) => Promise.all(Array.from({ length: count }, () => startUpstream(whole, answer(200, body))))
  ;[local, others] = await Promise.all([start('local', 5), start('other', 5)])
  under = await startEdge(whole, {
    upstreams: { found: { discovery: { source: 'registration', service: 'users' } }, anywhere: { discovery: { source: 'registration', service: 'users' }, zones: 'ignore' } },
    routes: [{ name: 'found', match: { path: '/found' }, upstream: 'found' }, { name: 'anywhere', match: { path: '/anywhere' }, upstream: 'anywhere' }],
  }, { zone: 'a' })
  publisher = createSequencedPublisher(under.bus, subjects.upstreamState('default'))
  whole.after(() => publisher.stop())
})

/** Discovery's word: of the endpoints in the edge's zone so many are healthy, all others are. */
function say(upstream: string, healthyLocally: number): void {
  const endpointOf = (zone: string, isHealthy: boolean) => ({ url }: ScriptedUpstream) => ({ id: url, url, weight: 1, zone, health: isHealthy ? EndpointHealth.HEALTHY : EndpointHealth.UNHEALTHY })
  const endpoints = [...local.map((one, index) => endpointOf('a', index < healthyLocally)(one)), ...others.map(endpointOf('b', true))]
  publisher.publish(toBinary(UpstreamStateSchema, create(UpstreamStateSchema, { scope: 'default', upstream, version: ++version, epochMs: 1, endpoints })))
}

async function localShare(path: string, requests = 60): Promise<number> {
  let count = 0
  for (let time = 0; time < requests; time++) if ((await fetchOnce(under.url + path)).body === 'local') count++
  return count / requests
}

it('while its own zone can carry it, everything stays there', async () => {
  say('found', 5)
  await waitUntil(async () => (await localShare('/found', 10)) === 1)
  assert.equal(await localShare('/found'), 1)
})

it('what of the zone is not healthy sends its part elsewhere', async () => {
  say('found', 3)
  await waitUntil(async () => (await localShare('/found', 10)) < 1)
  const share = await localShare('/found')
  assert.ok(share > 0.75 && share < 0.93, `${share} stays`)
  say('found', 2)
  await waitUntil(async () => (await localShare('/found', 14)) < 0.5)
})

it('with zones ignored all endpoints take part alike', async () => {
  say('anywhere', 5)
  await waitUntil(async () => (await fetchOnce(`${under.url}/anywhere`)).status === 200)
  assert.equal(await localShare('/anywhere', 40), 0.5)
})
