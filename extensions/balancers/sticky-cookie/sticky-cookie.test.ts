import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { balancerContract, countPicks, endpointFacts } from '../balancer.contract.ts'
import { createUpstreamEndpoints } from '../endpoints.ts'
import { createBalancer } from './sticky-cookie.ts'

const create = (stickyCookie = {}) => createBalancer({ upstream: 'users', stickyCookie })

balancerContract('sticky-cookie', create)

suite('balancer sticky-cookie: how attempts are spread', () => {
  const list = ['http://10.1.2.3:8080', 'http://10.1.2.4:8080', 'http://10.1.2.5:8080'].map((id) => endpointFacts(id))
  const fresh = () => createUpstreamEndpoints('users', list)
  const valueIn = (cookie: string) => /^[^=]+=([^;]*)/.exec(cookie)![1]!
  const cookieOf = (id: string, settings = {}) => create(settings).cookieFor!(fresh().byId.get(id)!, undefined, false)!

  test('without a cookie, clients are spread by turns', () => {
    assert.deepEqual(Object.values(countPicks(create(), fresh(), 300)), [100, 100, 100])
  })

  test('the cookie leads back to the endpoint, on any worker', () => {
    for (const { id } of list) {
      for (let i = 0; i < 5; i++) assert.equal(create().pick(fresh(), 0, undefined, valueIn(cookieOf(id)))!.id, id)
    }
  })

  test('a client that has the right cookie is given none', () => {
    const balancer = create()
    const endpoint = balancer.pick(fresh(), 0, undefined)!
    const cookie = balancer.cookieFor!(endpoint, undefined, false)!
    assert.equal(balancer.cookieFor!(endpoint, valueIn(cookie), false), undefined)
    assert.notEqual(balancer.cookieFor!(endpoint, 'made-up', false), undefined)
  })

  test('an endpoint that is out is replaced by another, and the cookie with it', () => {
    const [gone] = list
    const state = createUpstreamEndpoints('users', list.map((facts) => (facts === gone ? { ...facts, health: 'unhealthy' } : facts)))
    const balancer = create()
    const value = valueIn(cookieOf(gone!.id))
    const other = balancer.pick(state, 0, undefined, value)!
    assert.notEqual(other.id, gone!.id)
    assert.equal(valueIn(balancer.cookieFor!(other, value, false)!), valueIn(cookieOf(other.id)))
  })

  test('a client that was sent to a backup goes back when the first priority serves again', () => {
    const state = createUpstreamEndpoints('users', [endpointFacts('main'), endpointFacts('backup', { priority: 1 })])
    const balancer = create()
    const value = valueIn(balancer.cookieFor!(state.byId.get('backup')!, undefined, false)!)
    assert.equal(balancer.pick(state, 0, undefined, value)!.id, 'main')
  })

  test('a value that nobody gave out, however long or odd, is as good as none', () => {
    for (const value of ['', 'x', '__proto__', 'A'.repeat(8000), '\u0000']) assert.notEqual(create().pick(fresh(), 0, undefined, value), undefined)
  })

  test('the cookie names no address, and differs between upstreams and secrets', () => {
    const { id } = list[0]!
    const values = [cookieOf(id), cookieOf(id, { secret: 'one' }), cookieOf(id, { secret: 'two' })].map(valueIn)
    values.push(valueIn(createBalancer({ upstream: 'orders' }).cookieFor!(fresh().byId.get(id)!, undefined, false)!))
    assert.equal(new Set(values).size, 4)
    for (const value of values) {
      assert.match(value, /^[A-Za-z0-9_-]{16}$/)
      assert.ok(!Buffer.from(value, 'base64url').toString('latin1').includes('10.1'))
    }
  })

  test('scripts cannot read it, other sites do not send it, and over TLS it is for TLS only', () => {
    const endpoint = fresh().byId.get(list[0]!.id)!
    assert.match(create().cookieFor!(endpoint, undefined, false)!, /^sluice_users=[^;]+; Path=\/; HttpOnly; SameSite=Lax$/)
    assert.match(create({ name: 'here', maxAgeSeconds: 3600 }).cookieFor!(endpoint, undefined, true)!, /^here=[^;]+; Path=\/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure$/)
  })
})
