// What docker-compose.yml starts, without containers: its commands with its variables, on servers and ports of this
// test. Cassandra is the shared one, in a keyspace of its own.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { fetchOnce, freePorts, needServer, runProcess, startNats, startProcess, startRedis, waitUntil } from '@sluice/testkit'
import { parse } from 'yaml'
import { scratch } from './run-command.ts'

interface Composed {
  readonly command: readonly string[]
  readonly environment: Readonly<Record<string, string>>
}

const root = join(import.meta.dirname, '../..')
const sluice = join(root, 'node_modules/.bin/sluice')
const compose = parse(readFileSync(join(root, 'docker-compose.yml'), 'utf8'), { merge: true }) as { services: Record<string, Composed & { image: string }> }
const services = Object.entries(compose.services).filter(([, { image }]) => image.startsWith('sluice:'))
const token = randomBytes(16).toString('hex')

interface Places {
  readonly traffic: number
  readonly admin: number
  readonly metrics: Readonly<Record<string, number>>
}

async function choosePlaces(): Promise<Places> {
  const [traffic = 0, admin = 0, ...metrics] = await freePorts(services.length + 2)
  return { traffic, admin, metrics: Object.fromEntries(services.map(([name], index) => [name, metrics[index] ?? 0])) }
}

/** The variables of a service as they are, with the names of containers replaced by where this test has what they stand for. */
async function environments(t: TestContext, cassandra: string, places: Places): Promise<(name: string, variables: Composed['environment']) => Record<string, string>> {
  const [nats, redis] = await Promise.all([startNats(), startRedis()])
  t.after(() => Promise.all([nats.stop(), redis.stop()]))
  const here: Readonly<Record<string, string>> = { 'nats://nats:4222': nats.url, 'redis://redis:6379': redis.url, 'cassandra:9042': cassandra, 'http://control:8001': `http://127.0.0.1:${places.admin}` }
  const own = { SLUICE_CASSANDRA_DATACENTER: 'datacenter1', SLUICE_CASSANDRA_KEYSPACE: `compose_${randomBytes(4).toString('hex')}`, SLUICE_ADMIN_ADDRESS: `127.0.0.1:${places.admin}` }
  return (name, variables) => {
    const placed = { ...own, SLUICE_DATA_DIR: scratch(t), SLUICE_METRICS_ADDRESS: `127.0.0.1:${places.metrics[name]}`, ...('SLUICE_LISTEN_HTTP' in variables && { SLUICE_LISTEN_HTTP: variables['SLUICE_LISTEN_HTTP']!.replace('8000', String(places.traffic)) }) }
    const entries = Object.entries(variables).map(([variable, value]) => [variable, here[value] ?? (value.startsWith('${') ? token : value)])
    return { ...(Object.fromEntries(entries) as Record<string, string>), ...placed }
  }
}

test('the services of docker-compose.yml find each other and serve what is applied', { timeout: 120_000 }, async (t) => {
  const cassandra = needServer(t, 'cassandra')
  if (cassandra === undefined) return
  const places = await choosePlaces()
  const environmentOf = await environments(t, cassandra, places)
  for (const [name, { command, environment }] of services) startProcess(t, sluice, command, { env: environmentOf(name, environment) })
  for (const [name, port] of Object.entries(places.metrics)) {
    const path = name === 'edge' ? 'healthz' : 'readyz'
    await waitUntil(async () => (await fetchOnce(`http://127.0.0.1:${port}/${path}`)).status === 200, { timeoutMs: 60_000, everyMs: 100, what: `${name} to be ready` })
  }
  const file = join(root, 'infra/compose/gateway.yaml')
  const env = { SLUICE_ADMIN_URL: `http://127.0.0.1:${places.admin}`, SLUICE_ADMIN_TOKEN: token }
  const applied = await runProcess(t, sluice, ['apply', '-c', file, '--wait=30'], { env })
  assert.equal(applied.code, 0, applied.stderr)
  assert.match(applied.stdout, /1\/1 edges effective in \d+ ms\n$/)
  const traffic = `http://127.0.0.1:${places.traffic}`
  assert.deepEqual((await fetchOnce(`${traffic}/hello`)).json(), { message: 'hello from sluice' })
  const statuses: number[] = []
  for (let request = 0; request < 7; request++) statuses.push((await fetchOnce(`${traffic}/limited`)).status)
  assert.deepEqual(statuses.slice(0, 5), [200, 200, 200, 200, 200])
  assert.equal(statuses.at(-1), 429)
})
