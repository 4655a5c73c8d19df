/** A limit on edges that are processes of their own, over NATS and Redis: what clients see of it, on sockets. */
import { Agent, request } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createMemoryCounters } from '../../extensions/counters/memory/memory.ts'
import type { LimiterRules } from '../../extensions/policies/policy.ts'
import { limitRule } from '../../services/edge/src/quota/limit-rule.ts'
import { outcomeOf } from '../../services/edge/src/quota/limit-simulation.ts'
import { type Arrival, arrivalsOf, type LimitTraffic } from '../../services/edge/src/quota/limit-traffic.ts'
import { startOverNats, type SystemOverNats } from '../propagation/systems.ts'

/** How long a call to Redis may take: a machine that runs all of this may hold any of it up for more than the 20 ms of production. */
const redisTimeoutMs = 5000
const connectionsPerEdge = 16
const answerTimeoutMs = 20_000

export interface LimitedEdges extends SystemOverNats {
  /** Asks one edge; undefined when the connection broke before an answer. */
  ask(edge: number, path: string): Promise<number | undefined>
}

/** That many edges of one worker, each answering `/NAME` under the limit of that name. */
export async function startLimitedEdges(directory: string, edges: number, limits: ReadonlyMap<string, LimiterRules>, settings: (index: number) => Readonly<Record<string, string>> = () => ({})): Promise<LimitedEdges> {
  const patient = { SLUICE_REDIS_TIMEOUT_MS: String(redisTimeoutMs), SLUICE_GLOBAL_REDIS_TIMEOUT_MS: String(redisTimeoutMs), SLUICE_SHED_LAG_MS: '0' }
  const system = await startOverNats(directory, edges, (index) => ({ ...patient, ...settings(index) }))
  const agents = system.ports.map(() => new Agent({ keepAlive: true, maxSockets: connectionsPerEdge }))
  const ask = (edge: number, path: string): Promise<number | undefined> =>
    new Promise((resolve) => {
      const asked = request({ agent: agents[edge], host: '127.0.0.1', port: system.ports[edge], path }, (response) => {
        response.resume()
        resolve(response.statusCode)
      })
      // One that was being handed to a worker when that was killed may wait for ever.
      asked.setTimeout(answerTimeoutMs, () => asked.destroy(new Error('no answer')))
      asked.once('error', () => resolve(undefined)).end()
    })
  const stop = async (): Promise<void> => {
    for (const agent of agents) agent.destroy()
    await system.stop()
  }
  try {
    await putConfig(system, limits, '')
    await system.startEdges()
    await putConfig(system, limits, '?wait=all&timeoutMs=60000')
    // The first requests of a process are its slowest.
    for (let round = 0; round < 30; round++) await Promise.all(agents.map((_, edge) => ask(edge, '/warm')))
  } catch (error) {
    await stop()
    throw error
  }
  return { ...system, ask, stop }
}

async function putConfig({ adminUrl, adminToken, listen }: SystemOverNats, limits: ReadonlyMap<string, LimiterRules>, query: string): Promise<void> {
  const answered = { 'fixed-response': { body: 'admitted' } }
  const routes = [...limits].map(([name, { algorithm, limit, windowSeconds, burst, mode, scope = 'dc', failure }]) => {
    const bucket = algorithm === 'token-bucket' ? { burst } : {}
    return { name, match: { path: `/${name}` }, policies: [{ 'rate-limit': { algorithm, limit, windowSeconds, ...bucket, mode, scope, failure, key: 'route' } }, answered] }
  })
  const warm = { name: 'warm', match: { path: '/warm' }, policies: [{ 'rate-limit': { limit: 1_000_000, key: 'ip' } }, answered] }
  const body = JSON.stringify({ version: 1, listeners: { http: { address: listen, maxConnectionsPerAddress: 0 } }, routes: [...routes, warm] })
  const response = await fetch(`${adminUrl}/v1/config${query}`, { method: 'PUT', headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' }, body })
  if (response.status !== 200) throw new Error(`PUT /v1/config: ${response.status} ${await response.text()}`)
  await response.body?.cancel()
}

/** From the least to the most that it can have been. */
export type Range = readonly [low: number, high: number]

export interface SeenLimit {
  readonly requests: number
  readonly admitted: number
  /** Of the same requests, by one count: when each counts as it leaves here, and when its answer is here. */
  readonly ideal: Range
  readonly overPercent: Range
  readonly underPercent: Range
  readonly messagesPerRequest: number
  /** Answers that are neither 200 nor 429, and connections that broke. */
  readonly odd: number
  /** By how much the latest request left after its instant. */
  readonly latestMs: number
}

/**
 * Sends the traffic at its own pace, worker k's share to edge k, and compares with one count. What a busy machine holds up is seen by
 * the limit somewhere between the instant it left and the instant its answer came: what a count of either makes of it is the range.
 */
export async function seeLimit(edges: LimitedEdges, name: string, rules: LimiterRules, traffic: LimitTraffic): Promise<SeenLimit> {
  const [leaving, answered] = [createMemoryCounters(), createMemoryCounters()]
  const rule = limitRule(rules)
  let [requests, admitted, odd] = [0, 0, 0]
  const ideal = { leaving: 0, answered: 0 }
  const pending: Promise<void>[] = []
  const before = await redisCalls(edges.redisPort)
  // Windows stand on multiples of their length, and the prediction begins at one.
  await sleep(rule.windowMs - (Date.now() % rule.windowMs))
  const latestMs = await atTheirInstants(arrivalsOf(traffic), ({ worker }) => {
    requests++
    if (leaving.take('key', rule, 1).admitted) ideal.leaving++
    pending.push(edges.ask(worker, `/${name}`).then((status) => {
      if (answered.take('key', rule, 1).admitted) ideal.answered++
      if (status === 200) admitted++
      else if (status !== 429) odd++
    }))
  })
  await Promise.all(pending)
  const messages = (await redisCalls(edges.redisPort)) - before
  const outcomes = [ideal.leaving, ideal.answered].map((one) => outcomeOf({ requests, admitted, ideal: one, messages }))
  const range = (pick: 'ideal' | 'overPercent' | 'underPercent'): Range => [Math.min(...outcomes.map((one) => one[pick])), Math.max(...outcomes.map((one) => one[pick]))]
  return { requests, admitted, ideal: range('ideal'), overPercent: range('overPercent'), underPercent: range('underPercent'), messagesPerRequest: messages / requests, odd, latestMs }
}

async function atTheirInstants(arrivals: Iterable<Arrival>, send: (arrival: Arrival) => void): Promise<number> {
  const began = performance.now()
  let latestMs = 0
  for (const arrival of arrivals) {
    let early = arrival.atMs - (performance.now() - began)
    for (; early > 0; early = arrival.atMs - (performance.now() - began)) await sleep(Math.max(1, early))
    latestMs = Math.max(latestMs, -early)
    send(arrival)
  }
  return latestMs
}

/** How often the library of the counters was called, as the server itself counts. */
function redisCalls(port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    let text = ''
    const socket = connect(port, '127.0.0.1', () => socket.write('INFO commandstats\r\nQUIT\r\n'))
    socket.setEncoding('latin1').on('data', (more: string) => void (text += more))
    socket.once('error', reject).once('close', () => resolve(Number(/cmdstat_fcall:calls=(\d+)/.exec(text)?.[1] ?? 0)))
  })
}
