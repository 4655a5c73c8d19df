/**
 * `node loadtest/discovery-change.ts`: how long an instance that moves to another address takes to be what every edge uses. It registers itself
 * by the admin API, `--changes N` [50] times, each time at the other one of two addresses; clients ask `--edges N` [4] edges of one worker over
 * NATS all the time. Time is from before the registration is sent until the last edge's first answer from the new address. Changes of 200 ms go together.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { availableParallelism, cpus, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { start as startNats } from '../infra/local/nats.ts'
import { freePorts } from '../packages/testkit/src/free-port.ts'
import { Processes } from './propagation/systems.ts'

const { values } = parseArgs({ options: { changes: { type: 'string', default: '50' }, edges: { type: 'string', default: '4' } } })
const [changes, edges] = [Number(values.changes), Number(values.edges)]
const pauseMs = 5
const patienceMs = 30_000

interface Place {
  readonly adminUrl: string
  readonly adminToken: string
  readonly edgeUrls: readonly string[]
}

async function main(): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-discovery-change-'))
  const nats = await startNats({ jetStream: false })
  const processes = new Processes(directory)
  const instances = await Promise.all(['0', '1'].map(startInstance))
  try {
    const place = await startAll(nats.url, processes)
    const ports = instances.map((server) => (server.address() as AddressInfo).port)
    await register(place, ports[0]!)
    await untilAllAnswer(place, '0')
    const times: number[] = []
    for (let change = 1; change <= changes; change++) {
      const began = performance.now()
      await Promise.all([register(place, ports[change % 2]!), untilAllAnswer(place, String(change % 2))])
      times.push(performance.now() - began)
      await sleep(300 + Math.random() * 200)
    }
    console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; Node ${process.version}; load average ${loadavg()[0]!.toFixed(0)}`)
    console.log(`discovery edges=${edges} changes=${changes} p50=${at(times, 50)} ms p99=${at(times, 99)} ms max=${at(times, 100)} ms`)
  } finally {
    await processes.stop()
    for (const server of instances) {
      server.close()
      server.closeAllConnections()
    }
    await nats.stop()
    rmSync(directory, { recursive: true, force: true, maxRetries: 5 })
  }
}

async function startInstance(name: string): Promise<Server> {
  const server = createServer((_request, response) => void response.end(name))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}

async function startAll(natsUrl: string, processes: Processes): Promise<Place> {
  const [admin = 0, controlMetrics = 0, discoveryMetrics = 0, ...others] = await freePorts(3 + 2 * edges)
  const adminToken = randomBytes(24).toString('base64url')
  const start = (name: string, service: string, metrics: number, env: Record<string, string> = {}) => processes.start(name, ['service', service], { SLUICE_NATS_URL: natsUrl, SLUICE_METRICS_ADDRESS: `127.0.0.1:${metrics}`, ...env })
  start('control', 'control', controlMetrics, { SLUICE_ADMIN_ADDRESS: `127.0.0.1:${admin}`, SLUICE_ADMIN_TOKEN: adminToken })
  start('discovery', 'discovery', discoveryMetrics)
  await Promise.all([processes.ready('control', controlMetrics), processes.ready('discovery', discoveryMetrics)])
  const place = { adminUrl: `http://127.0.0.1:${admin}`, adminToken, edgeUrls: others.slice(0, edges).map((port) => `http://127.0.0.1:${port}`) }
  await put(place, '/v1/config', { version: 1, upstreams: { moving: { discovery: { source: 'registration', service: 'moving' } } }, routes: [{ name: 'moving', match: { path: '/moving' }, upstream: 'moving' }] })
  for (let index = 0; index < edges; index++) {
    const name = `edge-${index}`
    start(name, 'edge', others[edges + index]!, { SLUICE_EDGE_NAME: name, SLUICE_WORKERS: '1', SLUICE_LISTEN_HTTP: `127.0.0.1:${others[index]}` })
    await processes.ready(name, others[edges + index]!)
  }
  return place
}

const register = (place: Place, port: number) => put(place, '/v1/endpoints/moving/one', { address: '127.0.0.1', port })

async function put({ adminUrl, adminToken }: Place, path: string, body: object): Promise<void> {
  const response = await fetch(adminUrl + path, { method: 'PUT', headers: { authorization: `Bearer ${adminToken}`, 'content-type': 'application/json' }, body: JSON.stringify(body) })
  const text = await response.text()
  if (!response.ok) throw new Error(`PUT ${path}: ${response.status} ${text.slice(0, 500)}`)
}

async function untilAllAnswer({ edgeUrls }: Place, name: string): Promise<void> {
  const deadline = performance.now() + patienceMs
  await Promise.all(edgeUrls.map(async (url) => {
    while ((await ask(url)) !== name) {
      if (performance.now() > deadline) throw new Error(`${url} did not answer from the new address within ${patienceMs} ms`)
      await sleep(pauseMs)
    }
  }))
}

const ask = (url: string) => fetch(`${url}/moving`).then((response) => response.text(), () => '')

function at(times: readonly number[], percent: number): string {
  const sorted = [...times].sort((a, b) => a - b)
  return (sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * percent) / 100))] ?? NaN).toFixed(0)
}

await main()
