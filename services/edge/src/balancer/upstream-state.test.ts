import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { balancers } from '@sluice/balancers'
import { HeaderFields } from '@sluice/http'
import { upstream as upstreamSchema, type Upstream } from '@sluice/proto/config'
import { createFakeClock } from '@sluice/testkit'
import { UpstreamRegistry } from './upstream-registry.ts'

const modules = new Map(await Promise.all(balancers.map(async (entry) => [entry.name, await entry.load()] as const)))
const settingsOf = (input: object): Upstream => upstreamSchema.parse({ endpoints: [{ url: 'http://127.0.0.1:1' }, { url: 'http://127.0.0.1:2' }], ...input })
const asked = { client: { address: '203.0.113.7' }, request: { askedPath: '/', headers: new HeaderFields([]) }, identity: undefined }
const none = new HeaderFields([])

function registryWith(input: object) {
  const clock = createFakeClock()
  const registry = new UpstreamRegistry(modules, { clock, random: () => 0.4 })
  const configure = (next: object) => {
    const settings = { users: settingsOf(next) }
    registry.adopt(registry.prepare(settings), new Map(Object.entries(settings)))
    return [...registry.all()][0]!
  }
  return { clock, registry, configure, state: configure(input) }
}

describe('what a worker keeps of an upstream', () => {
  it('goes on over a change of settings, and begins anew with another balancer', () => {
    const { state, configure } = registryWith({})
    assert.equal(configure({ retries: { attempts: 3 } }), state)
    assert.notEqual(configure({ balancer: 'latency' }), state)
  })

  it('begins anew when what is hashed, or the cookie, is another', () => {
    const { configure } = registryWith({})
    const hashed = configure({ balancer: 'consistent-hash' })
    assert.notEqual(configure({ balancer: 'consistent-hash', hashOn: 'path' }), hashed)
    const sticky = configure({ balancer: 'sticky-cookie' })
    assert.notEqual(configure({ balancer: 'sticky-cookie', stickyCookie: { name: 'here' } }), sticky)
  })

  it('a circuit breaker comes and goes with its settings and keeps its state meanwhile', () => {
    const { state, configure, clock } = registryWith({ circuitBreaker: { consecutiveFailures: 1 } })
    const endpoint = state.pick(clock.monotonic(), undefined, asked)!
    state.noteFailure(endpoint, false, 1, state.admit(clock.monotonic()), clock.monotonic())
    assert.equal(state.admit(clock.monotonic()), 0)
    assert.equal(configure({ circuitBreaker: { consecutiveFailures: 5 } }).admit(clock.monotonic()), 0)
    assert.notEqual(configure({}).admit(clock.monotonic()), 0)
  })
})

describe('passive health', () => {
  it('an endpoint that asks for it by Retry-After is left alone for that long', () => {
    const { state, clock } = registryWith({})
    const now = clock.monotonic()
    const endpoint = state.pick(now, undefined, asked)!
    state.noteAnswer(endpoint, 503, new HeaderFields(['Retry-After', '12']), 1, 1, now)
    assert.equal(endpoint.leftOutUntil, now + 12_000)
  })

  it('429 says something of the caller, not of the endpoint', () => {
    const { state, clock } = registryWith({})
    const endpoint = state.pick(clock.monotonic(), undefined, asked)!
    state.noteAnswer(endpoint, 429, new HeaderFields(['Retry-After', '12']), 1, 1, clock.monotonic())
    assert.equal(endpoint.leftOutUntil, 0)
  })

  it('switched off, nothing is left out, and the circuit breaker counts all the same', () => {
    const { state, clock } = registryWith({ health: { passive: false }, circuitBreaker: { consecutiveFailures: 6 } })
    const now = clock.monotonic()
    const endpoint = state.pick(now, undefined, asked)!
    for (let time = 0; time < 5; time++) state.noteFailure(endpoint, true, 1, state.admit(now), now)
    state.noteAnswer(endpoint, 503, new HeaderFields(['Retry-After', '12']), 1, state.admit(now), now)
    assert.equal(endpoint.leftOutUntil, 0)
    assert.equal(state.circuit!.stateAt(now), 'open')
  })

  it('probes that find an endpoint healthy again bring it back before its time', () => {
    const { state, registry, clock } = registryWith({})
    const now = clock.monotonic()
    const endpoint = state.pick(now, undefined, asked)!
    for (let time = 0; time < 5; time++) state.noteFailure(endpoint, false, 1, 1, now)
    assert.ok(endpoint.leftOutUntil > now)
    const word = (health: 'healthy' | 'unhealthy') => registry.discover('users', [{ id: endpoint.id, url: endpoint.url, weight: 1, zone: '', priority: 0, health }])
    word('healthy')
    assert.ok(endpoint.leftOutUntil > now, 'probes that never doubted it say nothing new')
    word('unhealthy')
    word('healthy')
    assert.equal(endpoint.leftOutUntil, 0)
    assert.equal(endpoint.slowSince, now)
  })

  it('4xx and answers below 400 keep an endpoint in', () => {
    const { state, clock } = registryWith({ circuitBreaker: { consecutiveFailures: 1 } })
    const endpoint = state.pick(clock.monotonic(), undefined, asked)!
    for (const status of [200, 304, 401, 404, 429]) state.noteAnswer(endpoint, status, none, 1, state.admit(clock.monotonic()), clock.monotonic())
    assert.deepEqual([endpoint.leftOutUntil, state.circuit!.stateAt(clock.monotonic())], [0, 'closed'])
  })
})

describe('discovery\'s word', () => {
  const found = (port: number, health: 'healthy' | 'draining' = 'healthy') => ({ id: `i${port}`, url: `http://127.0.0.1:${port}`, weight: 1, zone: '', priority: 0, health })
  const discovered = () => {
    const parts = registryWith({ endpoints: undefined, discovery: { source: 'registration', service: 'users' }, drainSeconds: 7 })
    return { ...parts, say: (...list: ReturnType<typeof found>[]) => parts.registry.discover('users', list) }
  }

  it('tells when an address came or went, and not when only health changed', () => {
    const { say } = discovered()
    assert.equal(say(found(1), found(2)), true)
    assert.equal(say(found(1), found(2)), false)
    assert.equal(say(found(1)), true)
    assert.equal(say(found(1), found(3, 'draining')), false)
  })

  it('an endpoint that drains is no place to keep connections to', () => {
    const { say, registry } = discovered()
    say(found(1), found(2))
    assert.equal(say(found(1), found(2, 'draining')), true)
    assert.deepEqual([...registry.origins()], [['http://127.0.0.1:1', 7]])
  })
})
