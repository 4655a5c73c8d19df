/**
 * A gateway whose routes are told apart by host: lane 0 is `l0.test` with an upstream of its own, and so on. Cases
 * that run at once, each in its lane, cannot be mistaken for each other, whatever their bytes say.
 */
import { answer, startUpstream, type Cleanup, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

export interface Lane {
  readonly host: string
  readonly upstream: ScriptedUpstream
}

export interface Lanes {
  readonly under: EdgeUnderTest
  readonly lanes: readonly Lane[]
}

/** The host that corpora name; as long as that of a lane, so that lengths and offsets stay. */
export const corpusHost = 'gw.test'

export async function startLanes(t: Cleanup, count: number, engine: 'node' | 'own' = 'own'): Promise<Lanes> {
  const lanes = await Promise.all(Array.from({ length: count }, async (_, index) => {
    return { host: `l${index.toString(36)}.test`, upstream: await startUpstream(t, answer(200, 'ok')) }
  }))
  const routes = lanes.flatMap(({ host }, index) => [
    { name: `lane-${index}`, match: { hosts: [host], pathPrefix: '/' }, upstream: `up-${index}` },
    { name: `locked-${index}`, match: { hosts: [host], pathPrefix: '/locked' }, upstream: `up-${index}`, policies: [{ 'key-auth': {} }] },
    { name: `small-${index}`, match: { hosts: [host], pathPrefix: '/small' }, upstream: `up-${index}`, policies: [{ 'request-limits': { maxBodyBytes: 10 } }] },
    { name: `fixed-${index}`, match: { hosts: [host], pathPrefix: '/fixed' }, policies: [{ 'fixed-response': { status: 200, body: 'fixed' } }] },
    { name: `wide-${index}`, match: { hosts: [host], pathPrefix: '/wide' }, policies: [{ 'fixed-response': { status: 200, body: 'wide' } }, { 'request-limits': { maxHeaders: 5000, maxHeaderBytes: 100_000, maxUrlBytes: 100_000 } }] },
  ])
  const upstreams = Object.fromEntries(lanes.map(({ upstream }, index) => [`up-${index}`, { endpoints: [{ url: upstream.url }] }]))
  const under = await startEdge(t, { upstreams, routes }, { engine })
  return { under, lanes }
}

/** Runs `one` over all cases, as many at once as there are lanes; the first failure comes up when all lanes have ended. */
export async function inLanes<T>(lanes: readonly Lane[], cases: readonly T[], one: (item: T, lane: Lane) => Promise<void>): Promise<void> {
  let next = 0
  const ends = await Promise.allSettled(lanes.map(async (lane) => {
    while (next < cases.length) await one(cases[next++]!, lane)
  }))
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
