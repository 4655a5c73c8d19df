import assert from 'node:assert/strict'
import { suite, test, type TestContext } from 'node:test'
import { startDnsServer, waitUntil, type DnsServer, type DnsZone } from '@sluice/testkit'
import { discoverySourceContract, follow, RecordedStatus, waitForEndpoints } from '../discovery-source.contract.ts'
import { createSource } from './dns.ts'
import { schema, type DnsSettings } from './schema.ts'

const addresses: Readonly<Record<string, string>> = { a: '10.0.0.1', b: '10.0.0.2', c: '10.0.0.3' }
/** Asked again as soon as may be. */
const hasty = { minTtlSeconds: 0.1, maxTtlSeconds: 1 }

function sourceAt(server: DnsServer, settings: object): { source: ReturnType<typeof createSource>; status: RecordedStatus } {
  const status = new RecordedStatus()
  return { status, source: createSource(schema.settings.parse({ name: 'users.internal', servers: [server.address], ...(Object.hasOwn(settings, 'record') ? {} : { port: 80 }), ...settings }) as DnsSettings, { status }) }
}

async function started(t: TestContext, zone: DnsZone, settings: object = {}) {
  const server = await startDnsServer(t, zone)
  const { source, status } = sourceAt(server, settings)
  return { server, status, told: follow(source, t) }
}

discoverySourceContract('dns', async (ids, t) => {
  const zoneOf = (list: readonly string[]): DnsZone => ({ 'users.internal': { A: list.map((id) => addresses[id]!), ttlSeconds: 0 } })
  const server = await startDnsServer(t, zoneOf(ids))
  return { source: sourceAt(server, { ...hasty, holdSeconds: 0 }).source, change: (list) => server.set(zoneOf(list)) }
})

suite('discovery source dns', () => {
  test('an IPv6 address is an endpoint as well', async (t) => {
    const { told } = await started(t, { 'users.internal': { AAAA: ['fd00::7'] } }, { record: 'AAAA', port: 8080 })
    await waitForEndpoints(told, ['http://[fd00::7]:8080'], 'url')
  })

  test('SRV brings port, weight and priority; its targets are asked for', async (t) => {
    const { told } = await started(
      t,
      { 'users.internal': { SRV: ['0 3 8001 one.internal', '10 0 8002 two.internal', '0 1 0 three.internal'] }, 'one.internal': { A: ['10.0.0.1'] }, 'two.internal': { AAAA: ['fd00::2'] } },
      { record: 'SRV' },
    )
    await waitForEndpoints(told, ['http://10.0.0.1:8001', 'http://[fd00::2]:8002'], 'url')
    assert.deepEqual(told.at(-1)!.map(({ weight, priority }) => [weight, priority]), [[3, 0], [1, 10]])
  })

  test('a name that is another name for one is followed', async (t) => {
    const { told } = await started(t, { 'users.internal': { CNAME: 'real.internal' }, 'real.internal': { A: ['10.0.0.9'] } })
    await waitForEndpoints(told, ['10.0.0.9:80'])
  })

  test('an answer holds for its time: a short one is asked for again, a long one is not', async (t) => {
    const zone = { 'users.internal': { A: ['10.0.0.1'], ttlSeconds: 1 }, 'slow.internal': { A: ['10.0.0.1'], ttlSeconds: 3600 } }
    const { server } = await started(t, zone, { minTtlSeconds: 0.1, maxTtlSeconds: 3600 })
    follow(sourceAt(server, { name: 'slow.internal', minTtlSeconds: 0.1, maxTtlSeconds: 3600 }).source, t)
    const asked = (name: string) => server.questions.filter(({ text }) => text === `A ${name}`)
    await waitUntil(() => asked('users.internal').length >= 3, { timeoutMs: 15_000 })
    const [first, second, third] = asked('users.internal').map(({ at }) => at)
    assert.ok(second! - first! >= 990 && third! - second! >= 990, `asked at ${first}, ${second}, ${third}`)
    assert.equal(asked('slow.internal').length, 1)
  })

  test('an answer that does not fit a datagram is fetched over TCP', async (t) => {
    const server = await startDnsServer(t, { 'users.internal': { A: Array.from({ length: 200 }, (_, index) => `10.0.1.${index}`) } })
    server.truncate(true)
    const told = follow(sourceAt(server, {}).source, t)
    await waitUntil(() => told[0]?.length === 200)
    assert.deepEqual(server.questions.map(({ over }) => over), ['udp', 'tcp'])
  })

  test('a server that fails, or is gone, leaves what it said last, and is heard when it is back', async (t) => {
    const { server, status, told } = await started(t, { 'users.internal': { A: ['10.0.0.1'], ttlSeconds: 0 } }, hasty)
    await waitForEndpoints(told, ['10.0.0.1:80'])
    server.fail(2)
    await waitUntil(() => status.failures.some((failure) => failure.includes('code 2')))
    await server.kill()
    await waitUntil(() => status.failures.at(-1)?.includes('code 2') === false, { timeoutMs: 15_000 })
    assert.equal(told.length, 1)
    server.fail(0)
    server.set({ 'users.internal': { A: ['10.0.0.2'], ttlSeconds: 0 } })
    await server.start()
    await waitForEndpoints(told, ['10.0.0.2:80'])
  })

  test('an answer without addresses is doubted for a while, then believed', async (t) => {
    const { server, status, told } = await started(t, { 'users.internal': { A: ['10.0.0.1'], ttlSeconds: 0 } }, { ...hasty, holdSeconds: 1 })
    await waitForEndpoints(told, ['10.0.0.1:80'])
    server.set({})
    const answers = status.answers
    await waitUntil(() => status.answers > answers)
    assert.equal(told.length, 1)
    await waitForEndpoints(told, [])
  })

  test('of several servers the next is asked when one does not answer', async (t) => {
    const dead = await startDnsServer(t)
    await dead.kill()
    const server = await startDnsServer(t, { 'users.internal': { A: ['10.0.0.1'] } })
    const told = follow(sourceAt(server, { servers: [dead.address, server.address] }).source, t)
    await waitForEndpoints(told, ['10.0.0.1:80'])
  })
})
