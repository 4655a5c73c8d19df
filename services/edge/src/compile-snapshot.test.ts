import assert from 'node:assert/strict'
import { test } from 'node:test'
import { balancers } from '@sluice/balancers'
import { HeaderFields } from '@sluice/http'
import { deltaBetween, emptyConfig, entitiesOf, type RevisionDocumentInput, SegmentedConfig } from '@sluice/proto/config'
import { createLogger, systemClock } from '@sluice/service-kit'
import { UpstreamRegistry } from './balancer/upstream-registry.ts'
import { SnapshotCompiler } from './compile-snapshot.ts'
import type { CompiledSnapshot } from './compiled-snapshot.ts'
import { loadPolicies } from './policy-chain/compile-chain.ts'
import { SnapshotRefused } from './received-config.ts'

const policies = await loadPolicies(['cors', 'fixed-response', 'request-limits', 'request-id'])
const modules = new Map(await Promise.all(balancers.map(async (entry) => [entry.name, await entry.load()] as const)))
const policyParts = { clock: systemClock, logger: createLogger('test', { destination: { write: () => undefined } }), identity: {} as never, quota: {} as never }

/** A worker as far as its configuration goes. */
function makeWorker() {
  const registry = new UpstreamRegistry(modules)
  const compiler = new SnapshotCompiler({ policies, upstreams: registry, policyParts })
  let sent = emptyConfig
  let revision = 0
  const take = async (config: SegmentedConfig) => {
    await compiler.receive(deltaBetween(sent, config))
    sent = config
    const prepared = await compiler.prepare({ revision: ++revision, digest: config.digest })
    if (prepared.upstreamsChanged) registry.adopt(prepared.snapshot.upstreams, prepared.snapshot.upstreamSettings)
    return compiler.adopt(prepared)
  }
  return { take, registry }
}

const configOf = (document: Omit<RevisionDocumentInput, 'version'>) => SegmentedConfig.of(entitiesOf({ version: 1, ...document }))

function routeOf(snapshot: CompiledSnapshot, host: string, path: string) {
  return snapshot.router.find({ method: 'GET', headers: new HeaderFields([]), query: '', clientAddress: '192.0.2.1', host, port: 80, path }).route
}

/** What a request would meet: the route, where it leads, and what is decided on the way. */
function meaningOf(snapshot: CompiledSnapshot, host: string, path: string): unknown {
  const route = routeOf(snapshot, host, path)
  return route && [route.name, route.template, route.upstream?.name, route.chain.steps.map(({ type, name }) => `${type} ${name}`)]
}

function numbers(seed: number): (below: number) => number {
  let state = seed
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

const hosts = ['a.example', 'b.example', 'x.b.example', 'other.example']
const paths = ['/', '/p0', '/p1', '/p0/7', '/p1/7', '/t/x/y', '/q/1', '/r12']

function someRoute(name: string, pick: (below: number) => number) {
  const match = [{ path: `/p${pick(2)}` }, { path: `/p${pick(2)}/{id}` }, { path: '/t/{rest*}' }, { pathPrefix: '/q' }, { pathRegex: '^/r[0-9]+$' }, {}][pick(6)]!
  const on = [{}, { hosts: ['a.example'] }, { hosts: ['b.example', '*.b.example'] }, { hosts: ['A.example', 'a.example'] }][pick(4)]!
  const own = [[], [{ cors: { origins: ['*'] } }], [{ cors: false as const }], [{ cors: { origins: ['env:ORIGIN'] } }]][pick(4)]!
  return { name, match: { ...match, ...on, ...(pick(3) === 0 ? { methods: ['GET'] } : {}) }, upstream: `u${pick(2)}`, policies: own }
}

test('a worker that was told each change serves what one does that was told everything at once', async () => {
  const pick = numbers(7)
  const old = makeWorker()
  const routes = new Map<string, ReturnType<typeof someRoute>>()
  for (let step = 0; step < 150; step++) {
    for (let count = pick(4); count >= 0; count--) {
      const name = `r${pick(15)}`
      if (pick(3) === 0) routes.delete(name)
      else routes.set(name, someRoute(name, pick))
    }
    const config = configOf({
      routes: [...routes.values()],
      upstreams: Object.fromEntries(['u0', 'u1'].map((name) => [name, { endpoints: [{ url: 'http://127.0.0.1:1' }], balancer: pick(30) === 0 ? 'least-requests' as const : 'round-robin' as const, ...(step % 20 > 10 ? { policies: [{ cors: { origins: ['https://up.example'] } }] } : {}) }])),
      policies: step % 30 > 15 ? [{ 'request-id': { header: 'x-id' } }] : [],
      secrets: { 'env:ORIGIN': `https://${step % 7}.example` },
    })
    const [one, other] = [await old.take(config), await makeWorker().take(config)]
    for (const host of hosts) for (const path of paths) assert.deepEqual(meaningOf(one, host, path), meaningOf(other, host, path), `step ${step}: ${host}${path}`)
  }
})

test('routes that a change leaves alone stay the same objects, with the state of their policies', async () => {
  const worker = makeWorker()
  const upstreams = { u0: { endpoints: [{ url: 'http://127.0.0.1:1' }] } }
  const [a, b] = [{ name: 'a', match: { path: '/a' }, upstream: 'u0' }, { name: 'b', match: { path: '/b' }, upstream: 'u0' }]
  const before = await worker.take(configOf({ upstreams, routes: [a, b] }))
  const [oldA, oldB] = [routeOf(before, 'x', '/a'), routeOf(before, 'x', '/b')]
  const after = await worker.take(configOf({ upstreams: { u0: { ...upstreams.u0, drainSeconds: 1 } }, routes: [a, { ...b, policies: [{ cors: { origins: ['*'] } }] }] }))
  assert.equal(routeOf(after, 'x', '/a'), oldA)
  assert.notEqual(routeOf(after, 'x', '/b'), oldB)
  assert.equal(after.upstreams.get('u0')?.settings.drainSeconds, 1)
})

test('what cannot be compiled changes nothing, and the next revision mends it', async () => {
  const worker = makeWorker()
  const upstreams = { u0: { endpoints: [{ url: 'http://127.0.0.1:1' }] } }
  const good = { name: 'good', match: { path: '/good' }, upstream: 'u0' }
  const running = await worker.take(configOf({ upstreams, routes: [good] }))
  const wrong: [object, RegExp][] = [
    [{ routes: [good, { name: 'lost', match: { path: '/lost' }, upstream: 'nowhere' }] }, /^\/routes\/lost /],
    [{ routes: [{ name: 'good', match: { path: 'no slash' } }] }, /^\/routes\/good\/match\/path /],
    [{ routes: [good], upstreams: { u0: { endpoints: [{ url: 'nonsense' }] } } }, /^\/upstreams\/u0\/endpoints\/0\/url /],
    [{ routes: [good], listeners: { http: { address: 7 } } }, /^\/listeners\/http/],
    [{ routes: [good], upstreams: {} }, /^\/routes\/good .*no upstream "u0"/],
  ]
  for (const [document, expected] of wrong) {
    const error: unknown = await worker.take(configOf({ upstreams, ...document })).then(() => undefined, (thrown: unknown) => thrown)
    assert.ok(error instanceof SnapshotRefused)
    assert.match(`${error.pointer} ${error.message}`, expected)
    assert.equal(routeOf(running, 'x', '/good')?.name, 'good')
    assert.equal(routeOf(running, 'x', '/lost'), undefined)
  }
  const mended = await worker.take(configOf({ upstreams, routes: [good, { name: 'lost', match: { path: '/lost' }, upstream: 'u0' }] }))
  assert.deepEqual(['/good', '/lost'].map((path) => routeOf(mended, 'x', path)?.name), ['good', 'lost'])
})

test('a change of very many routes makes a table of its own; until it is adopted the old one is as it was', async () => {
  const worker = makeWorker()
  const many = (count: number, prefix: string) => configOf({ routes: Array.from({ length: count }, (_, index) => ({ name: `r${index}`, match: { path: `/${prefix}${index}` }, policies: [{ 'fixed-response': { status: 204 } }] })) })
  const before = await worker.take(many(2000, 'a'))
  const after = await worker.take(many(1500, 'b'))
  assert.notEqual(after.router, before.router)
  assert.deepEqual([routeOf(after, 'x', '/b1499')?.name, routeOf(after, 'x', '/a3'), routeOf(before, 'x', '/a3')?.name], ['r1499', undefined, 'r3'])
})
