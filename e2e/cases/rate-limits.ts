// RL3, RL1 and RL2 in part (token bucket; by consumer, address, field and claim; several limits, cost), RL4 in part (exact), RL5 embedded (counted in memory)
import assert from 'node:assert/strict'
import { fetchOnce, waitUntil, type FetchedResponse } from '@sluice/testkit'
import { ask, refusalOf } from '../actors/ask.ts'
import { admittedOf, burst, counting, from } from '../actors/limited-requests.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { makeKey, mint } from '../actors/signing-keys.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

/** So long a window that nothing comes back while a test looks. */
const windowSeconds = 36_000

const limited = (name: string, settings: object, ...identity: object[]) => ({
  name,
  match: { path: `/${name}` },
  policies: [...identity, { 'rate-limit': { windowSeconds, ...settings } }, { 'fixed-response': { body: 'admitted' } }],
})

const remainingOf = (answers: readonly FetchedResponse[]) => answers.map(({ headers }) => Number(headers['x-ratelimit-remaining'])).sort((a, b) => a - b)

export const rateLimits: Case = {
  name: 'a limit holds over all workers and edges',
  async run(system, t) {
    const key = makeKey('ES256')
    const config = {
      trustedProxies: ['127.0.0.1'],
      routes: [
        limited('exact', { limit: 20, key: 'ip' }),
        limited('brief', { limit: 1, windowSeconds: 3, key: 'ip' }),
        limited('bursting', { limit: 1000, burst: 6, cost: 2, key: 'ip' }),
        limited('by-consumer', { limit: 3 }, { 'key-auth': {} }),
        limited('by-field', { limit: 2, key: ['header:x-tenant', 'route'] }),
        limited('by-claim', { limit: 2, key: 'claim:tenant' }, { jwt: { keys: [key.configured] } }),
        limited('kept', { limit: 10, key: 'ip' }),
        { name: 'several', match: { path: '/several' }, policies: [{ 'rate-limit': { name: 'hourly', limit: 3, windowSeconds, key: 'ip' } }, { 'rate-limit': { name: 'daily', limit: 100, windowSeconds, key: 'route' } }, { 'fixed-response': { body: 'admitted' } }] },
      ],
    }
    await system.apply(config)

    let spent: Record<string, string> = {}

    await t.test('of many requests at once exactly as many pass as the limit says, and each says what is left', async () => {
      await counting(system, async (attempt) => {
        spent = from(`198.51.100.${attempt}`)
        const answers = await burst(system, '/exact', 60, spent)
        assert.equal(admittedOf(answers).length, 20)
        assert.deepEqual(remainingOf(admittedOf(answers)), Array.from({ length: 20 }, (_, left) => left), 'each count was given out once')
        assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200, 429]))
      })
    })

    await t.test('fields tell the limit, what is left and when it is whole again; 429 tells when to come back', async () => {
      const { status, reason, answer } = await refusalOf(system, '/exact', { headers: spent })
      assert.deepEqual([status, reason], [429, 'policy.limit_exceeded'])
      assert.equal(answer.headers['ratelimit-policy'], `"rate-limit";q=20;w=${windowSeconds}`)
      const [, left, reset] = /^"rate-limit";r=(\d+);t=(\d+)$/.exec(String(answer.headers['ratelimit'])) ?? []
      assert.deepEqual([left, answer.headers['x-ratelimit-limit'], answer.headers['x-ratelimit-remaining'], answer.headers['x-ratelimit-reset']], ['0', '20', '0', reset])
      const elapsed = windowSeconds - Number(reset)
      assert.ok(elapsed >= 0 && elapsed < 30, `an empty bucket is whole again after a window, ${reset} s`)
      const retryAfter = Number(answer.headers['retry-after'])
      const untilNext = windowSeconds / 20
      assert.ok(retryAfter <= untilNext + 1 && retryAfter > untilNext - 30, `the next one comes after ${untilNext} s, not ${retryAfter}`)
    })

    await t.test('whoever waits as long as Retry-After says is admitted', async () => {
      const { url } = system.edges[0]!
      assert.equal((await fetchOnce(`${url}/brief`)).status, 200)
      const refused = await fetchOnce(`${url}/brief`)
      assert.equal(refused.status, 429)
      const since = performance.now()
      const waitMs = Number(refused.headers['retry-after']) * 1000
      assert.ok(waitMs >= 1000 && waitMs <= 4000)
      await waitUntil(() => performance.now() - since >= waitMs, { timeoutMs: 10_000, what: 'what Retry-After says' })
      assert.equal((await fetchOnce(`${url}/brief`)).status, 200)
    })

    await t.test('a bucket holds its burst, and a request may cost more than one', async () => {
      await counting(system, async (attempt) => {
        const answers = await burst(system, '/bursting', 8, from(`198.51.100.${attempt}`))
        assert.equal(admittedOf(answers).length, 3)
        assert.equal(answers[0]!.headers['x-ratelimit-limit'], '6')
      })
    })

    await t.test('consumers, addresses, fields and claims are counted apart', async () => {
      await counting(system, async (attempt) => {
        const names = [`limited-a${attempt}`, `limited-b${attempt}`]
        for (const name of names) {
          await makeConsumer(system, name)
          assert.equal(admittedOf(await burst(system, '/by-consumer', 6, withKey((await makeKeyOf(system, name)).key).headers)).length, 3)
        }
        const another = await makeKeyOf(system, names[0]!)
        assert.equal((await refusalOf(system, '/by-consumer', withKey(another.key))).status, 429, 'a consumer is one, whatever the key')
      })
      await counting(system, async (attempt) => {
        const network = `2001:db8:${attempt}:1`
        for (const address of [`203.0.113.${attempt}`, `203.0.114.${attempt}`, `${network}::1`, `2001:db8:${attempt}:2::1`]) assert.equal(admittedOf(await burst(system, '/exact', 30, from(address))).length, 20, address)
        assert.equal(admittedOf(await burst(system, '/exact', 4, from(`${network}:ffff::9`))).length, 0, 'an IPv6 network of 64 bits is one')
      })
      await counting(system, async (attempt) => {
        for (const tenant of [`one${attempt}`, `two${attempt}`]) {
          assert.equal(admittedOf(await burst(system, '/by-field', 4, { 'x-tenant': tenant })).length, 2)
          assert.equal(admittedOf(await burst(system, '/by-claim', 4, bearer(mint(key, { sub: 'someone', tenant })).headers)).length, 2)
        }
      })
    })

    await t.test('of several limits the tightest shows in X-RateLimit-*, all of them in RateLimit', async () => {
      const [{ headers } = assert.fail('no answer')] = await burst(system, '/several', 1)
      assert.equal(headers['ratelimit-policy'], `"hourly";q=3;w=${windowSeconds}, "daily";q=100;w=${windowSeconds}`)
      assert.match(String(headers['ratelimit']), /^"hourly";r=2;t=\d+, "daily";r=99;t=\d+$/)
      assert.deepEqual([headers['x-ratelimit-limit'], headers['x-ratelimit-remaining']], ['3', '2'])
    })

    await t.test('a count is kept when the configuration changes elsewhere, and begins anew with a new limit', async () => {
      await counting(system, async (attempt) => {
        const headers = from(`198.51.100.${attempt}`)
        await system.apply(config)
        assert.equal(admittedOf(await burst(system, '/kept', 4, headers)).length, 4)
        await system.apply({ ...config, routes: [...config.routes, limited('added', { limit: 1, key: 'ip' })] })
        assert.equal(admittedOf(await burst(system, '/kept', 10, headers)).length, 6)
        assert.equal((await refusalOf(system, '/kept', { headers })).status, 429)
        await system.apply({ ...config, routes: [limited('kept', { limit: 11, key: 'ip' })] })
        assert.equal((await ask(system, '/kept', { headers })).status, 200)
      })
    })
  },
}
