// Row PX8: two gateways behind a real load balancer, which probes them each second and repeats nothing.
import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { Agent } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { afterDelay, answer, fetchOnce, freePorts, startProcess, startUpstream, waitUntil, type Cleanup } from '@sluice/testkit'
import { findOnPath, isExecutable } from '../infra/local/find-on-path.ts'
import { SluiceProcess } from './modes/sluice-process.ts'

const haproxy = findOnPath('haproxy') ?? (isExecutable('/usr/sbin/haproxy') ? '/usr/sbin/haproxy' : undefined)

interface Gateway {
  readonly process: SluiceProcess
  readonly port: number
}

function needHaproxy(): string | false {
  if (haproxy !== undefined) return false
  if (process.env.CI) throw new Error('haproxy is not installed; infra/local/system-packages.sh does it')
  return 'haproxy is not installed (infra/local/system-packages.sh does it)'
}

/** One `sluice run`, whose upstream answers with its name. */
async function startGateway(t: Cleanup, directory: string, name: string): Promise<Gateway> {
  const upstream = await startUpstream(t)
  upstream.does(afterDelay(20, answer(200, name)))
  const [port = 0, admin = 0, metrics = 0] = await freePorts(3)
  const configFile = join(directory, `${name}.json`)
  const config = {
    version: 1,
    listeners: { http: { address: `127.0.0.1:${port}`, healthPath: '/health', maxConnectionsPerAddress: 0 } },
    admin: { address: `127.0.0.1:${admin}` },
    telemetry: { metrics: { address: `127.0.0.1:${metrics}` } },
    upstreams: { main: { endpoints: [{ url: upstream.url }] } },
    routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
  }
  writeFileSync(configFile, JSON.stringify(config))
  const args = ['run', '-c', configFile, '--workers', '1', '--data-dir', join(directory, name)]
  return { process: new SluiceProcess(t, { name, args, env: {}, directory, metricsUrl: `http://127.0.0.1:${metrics}` }), port }
}

/** HAProxy in front of them: no retry, no other server for a request that was sent, one failed probe and a server is out. */
async function startBalancer(t: TestContext, directory: string, gateways: readonly Gateway[]) {
  const [port = 0, statsPort = 0] = await freePorts(2)
  const servers = gateways.map((gateway, index) => `  server gateway-${index} 127.0.0.1:${gateway.port}`)
  const lines = [
    'defaults', '  mode http', '  timeout connect 5s', '  timeout client 60s', '  timeout server 60s', '  retries 0', '  no option redispatch', '  http-reuse safe',
    'frontend front', `  bind 127.0.0.1:${port}`, '  default_backend gateways',
    'frontend stats', `  bind 127.0.0.1:${statsPort}`, '  stats enable', '  stats uri /stats',
    'backend gateways', '  balance roundrobin', '  option httpchk GET /health', '  default-server check inter 1s fall 1 rise 1', ...servers, '',
  ]
  const file = join(directory, 'haproxy.cfg')
  writeFileSync(file, lines.join('\n'))
  const running = startProcess(t, haproxy!, ['-db', '-f', file])
  const states = async (): Promise<string[]> => {
    const { body } = await fetchOnce(`http://127.0.0.1:${statsPort}/stats;csv`)
    const rows = body.split('\n').map((line) => line.split(','))
    const column = rows[0]!.indexOf('status')
    return gateways.map((_, index) => rows.find((row) => row[0] === 'gateways' && row[1] === `gateway-${index}`)?.[column] ?? '')
  }
  await waitUntil(async () => (await states()).every((state) => state.startsWith('UP')), { timeoutMs: 20_000, what: `both gateways to be up for haproxy: ${running.stderr()}` })
  return { url: `http://127.0.0.1:${port}`, states }
}

/** Requests all the time, on kept connections; what was not answered with 200 is kept. */
function startRequests(t: Cleanup, url: string, clients: number) {
  const agent = new Agent({ keepAlive: true, maxSockets: clients })
  const seen = { failures: [] as string[], served: new Map<string, number>() }
  let running = true
  const client = async (): Promise<void> => {
    while (running) {
      const outcome = await fetchOnce(`${url}/x`, { agent, timeoutMs: 20_000 }).catch((error: Error) => error)
      if (outcome instanceof Error) seen.failures.push(String(outcome))
      else if (outcome.status !== 200) seen.failures.push(`${outcome.status} ${outcome.body}`)
      else seen.served.set(outcome.body, (seen.served.get(outcome.body) ?? 0) + 1)
    }
  }
  const done = Promise.all(Array.from({ length: clients }, client))
  const stop = async (): Promise<void> => {
    running = false
    await done
    agent.destroy()
  }
  t.after(stop)
  const total = () => [...seen.served.values()].reduce((sum, count) => sum + count, 0)
  const more = async (count: number): Promise<void> => {
    const enough = total() + count
    await waitUntil(() => total() >= enough, { timeoutMs: 60_000, what: `${count} more answers` })
  }
  return { ...seen, stop, more }
}

test('no request fails while the gateways behind a load balancer end with SIGTERM and come back, one after the other', { skip: needHaproxy() }, async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-balancer-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const gateways = [await startGateway(t, directory, 'first'), await startGateway(t, directory, 'second')]
  await Promise.all(gateways.map((gateway) => gateway.process.start()))
  const balancer = await startBalancer(t, directory, gateways)
  const requests = startRequests(t, balancer.url, 16)
  await requests.more(100)
  assert.deepEqual([...requests.served.keys()].sort(), ['first', 'second'])
  for (const [index, gateway] of gateways.entries()) {
    await gateway.process.stop()
    await requests.more(100)
    await gateway.process.start()
    await waitUntil(async () => (await balancer.states())[index]!.startsWith('UP'), { timeoutMs: 20_000, what: 'the balancer to see it again' })
    await requests.more(100)
  }
  await requests.stop()
  assert.deepEqual(requests.failures, [])
})
