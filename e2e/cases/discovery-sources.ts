// SD2, SD3, SD4: endpoints from the DNS, Consul, etcd, Kubernetes and Cloud Map; a change reaches every edge; a source that dies changes nothing
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { answer, fetchOnce, needServer, startCloudMap, startConsul, startDnsServer, startKubernetes, startUpstream, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

interface Source {
  readonly name: string
  readonly discovery: object
  /** What takes part in the upstream from now on, told with the port that all of them share where the source needs one. */
  tell(upstreams: readonly ScriptedUpstream[]): void | Promise<void>
  /** The source is gone. */
  die?(): Promise<void>
}

/** On addresses and ports of their own; the DNS and Kubernetes tell addresses that share a port. */
async function startServices(t: TestContext): Promise<readonly [ScriptedUpstream, ScriptedUpstream]> {
  const one = await startUpstream(t, { script: answer(200, 'one'), host: '127.0.0.1' })
  const two = await startUpstream(t, { script: answer(200, 'two'), host: '127.0.0.2', port: one.port })
  return [one, two]
}

const hostOf = ({ url }: ScriptedUpstream) => new URL(url).hostname

async function dns(t: TestContext, port: number, record: 'A' | 'SRV'): Promise<Source> {
  const server = await startDnsServer(t)
  const name = record === 'A' ? 'users.test' : '_http._tcp.users.test'
  const tell = (upstreams: readonly ScriptedUpstream[]) => {
    const hosts = Object.fromEntries(upstreams.map((upstream, index) => [`host-${index}.test`, { A: [hostOf(upstream)], ttlSeconds: 0 }]))
    const services = upstreams.map((_, index) => `0 1 ${port} host-${index}.test`)
    server.set(record === 'A' ? { [name]: { A: upstreams.map(hostOf), ttlSeconds: 0 } } : { [name]: { SRV: services, ttlSeconds: 0 }, ...hosts })
  }
  const discovery = { source: 'dns', name, record, servers: [server.address], minTtlSeconds: 0.1, ...(record === 'A' && { port }) }
  return { name: `dns-${record.toLowerCase()}`, discovery, tell, die: () => server.kill() }
}

async function consul(t: TestContext): Promise<Source> {
  const server = await startConsul(t)
  const others = [{ id: 'other-tag', port: 1, meta: { version: '2' }, datacenter: 'dc2' }, { id: 'other-version', port: 1, tags: ['v2'], datacenter: 'dc2' }, { id: 'other-dc', port: 1, tags: ['v2'], meta: { version: '2' } }]
  const tell = (upstreams: readonly ScriptedUpstream[]) =>
    server.set('users', [...upstreams.map((upstream) => ({ id: hostOf(upstream), address: hostOf(upstream), port: upstream.port, tags: ['v2', 'eu'], meta: { version: '2' }, datacenter: 'dc2' })), ...others])
  const discovery = { source: 'consul', url: server.upstream.url, service: 'users', tags: ['v2'], version: '2', datacenter: 'dc2' }
  return { name: 'consul', discovery, tell, die: () => server.upstream.kill() }
}

async function kubernetes(t: TestContext): Promise<Source> {
  const server = await startKubernetes(t)
  const tell = (upstreams: readonly ScriptedUpstream[]) => server.set('users', 'users-1', upstreams[0]!.port, upstreams.map((upstream) => ({ address: hostOf(upstream), ready: true })))
  return { name: 'kubernetes', discovery: { source: 'kubernetes', server: server.upstream.url, service: 'users', namespace: 'shop', port: 'http' }, tell, die: () => server.upstream.kill() }
}

async function cloudMap(t: TestContext): Promise<Source> {
  const map = await startCloudMap(t)
  const other = { AWS_INSTANCE_IPV4: '127.0.0.3', AWS_INSTANCE_PORT: '1', version: '1', tags: 'v2', datacenter: 'd1' }
  const tell = async (upstreams: readonly ScriptedUpstream[]) => {
    await map.register('users', 'other', other)
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const upstream = upstreams.find((one) => hostOf(one) === host)
      const attributes = { AWS_INSTANCE_IPV4: host, AWS_INSTANCE_PORT: String(upstream?.port), version: '2', tags: 'v2,eu', datacenter: 'd1' }
      if (upstream !== undefined) await map.register('users', host, attributes)
      else await map.deregister('users', host)
    }
  }
  return { name: 'cloud-map', discovery: { ...map.discovery, service: 'users', pollSeconds: 0.1, tags: ['v2'], version: '2', datacenter: 'd1' }, tell, die: () => map.kill() }
}

/** The real server, which others use, too: keys below a prefix of its own, and nobody kills it. */
function etcd(url: string): Source {
  const prefix = `/e2e-${process.pid}-${performance.now()}/`
  const ask = async (path: string, body: object) => assert.equal((await fetchOnce(url + path, { method: 'POST', body: JSON.stringify(body) })).status, 200)
  const base64 = (text: string) => Buffer.from(text).toString('base64')
  const put = (id: string, value: object) => ask('/v3/kv/put', { key: base64(`${prefix}users/${id}`), value: base64(JSON.stringify(value)) })
  const tell = async (upstreams: readonly ScriptedUpstream[]) => {
    for (const host of ['127.0.0.1', '127.0.0.2']) {
      const upstream = upstreams.find((one) => hostOf(one) === host)
      if (upstream === undefined) await ask('/v3/kv/deleterange', { key: base64(`${prefix}users/${host}`) })
      else await put(host, { address: host, port: upstream.port, tags: ['v2'], version: '2', datacenter: 'd1' })
    }
    await put('other', { address: '127.0.0.3', port: 1, tags: ['v1'], version: '2', datacenter: 'd1' })
  }
  return { name: 'etcd', discovery: { source: 'etcd', urls: [url], prefix, service: 'users', tags: ['v2'], version: '2', datacenter: 'd1' }, tell }
}

/** Resolves once these and no others answer, on every edge. */
async function served(system: System, path: string, names: readonly string[]): Promise<void> {
  const ask = async (url: string) => (await fetchOnce(url + path)).body
  const isSo = async (url: string) => {
    const bodies = new Set<string>()
    for (let round = 0; round < 24; round++) bodies.add(await ask(url))
    return bodies.size === names.length && names.every((name) => bodies.has(name))
  }
  for (const edge of system.edges) await waitUntil(() => isSo(edge.url), { timeoutMs: 20_000, what: `${names.join(' and ')} to serve ${path} on ${edge.name}` })
}

async function sourceUp(system: System, name: string): Promise<boolean> {
  const metrics = (system.services.get('discovery')?.metricsUrl ?? system.edges[0]!.metricsUrl) + '/metrics'
  return (await fetchOnce(metrics)).body.split('\n').some((line) => line.startsWith('sluice_discovery_source_up{') && line.includes(`upstream="${name}"`) && line.endsWith(' 1'))
}

export const discoverySources: Case = {
  name: 'endpoints come from a registry and change with it',
  async run(system, t) {
    const [one, two] = await startServices(t)
    const sources = [await dns(t, one.port, 'A'), await dns(t, one.port, 'SRV'), await consul(t), await kubernetes(t), await cloudMap(t)]
    const url = needServer(t, 'etcd')
    if (url !== undefined) sources.push(etcd(url))
    for (const source of sources) await source.tell([one])
    await system.apply({
      upstreams: Object.fromEntries(sources.map(({ name, discovery }) => [name, { discovery }])),
      routes: sources.map(({ name }) => ({ name, match: { path: `/${name}` }, upstream: name })),
    })
    for (const { name, tell, die } of sources) {
      await t.test(name, async (inner) => {
        await inner.test('what it tells is what serves', () => served(system, `/${name}`, ['one']))
        await inner.test('an endpoint that comes is used on every edge, one that goes is not', async () => {
          await tell([one, two])
          await served(system, `/${name}`, ['one', 'two'])
          await tell([two])
          await served(system, `/${name}`, ['two'])
        })
        if (die === undefined) return
        await inner.test('when it dies, what it told last stays', async () => {
          assert.equal(await sourceUp(system, name), true)
          await die()
          await waitUntil(async () => !(await sourceUp(system, name)), { timeoutMs: 30_000, what: 'discovery to find it dead' })
          await served(system, `/${name}`, ['two'])
        })
      })
    }
  },
}
