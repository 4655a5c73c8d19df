// RL2: every combination of keys counts apart what it names, and nothing else
import assert from 'node:assert/strict'
import { echo, fetchOnce, startUpstream } from '@sluice/testkit'
import { counting } from '../actors/limited-requests.ts'
import { makeKey, mint } from '../actors/signing-keys.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

interface Caller {
  readonly consumer: string
  readonly ip: string
  readonly route: string
  readonly 'header:x-tenant': string
  readonly 'claim:plan': string
}

const base: Caller = { consumer: 'anna', ip: '198.51.100.1', route: 'a', 'header:x-tenant': 'one', 'claim:plan': 'gold' }
const other: Caller = { consumer: 'bert', ip: '198.51.100.2', route: 'b', 'header:x-tenant': 'two', 'claim:plan': 'free' }
const parts = Object.keys(base) as (keyof Caller)[]

/** Every set of one part and more. */
const combinations = Array.from({ length: 2 ** parts.length - 1 }, (_, index) => parts.filter((_part, bit) => ((index + 1) >> bit) & 1))

export const limitKeys: Case = {
  name: 'every combination of keys is counted apart',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    const key = makeKey('ES256')
    await counting(system, async (attempt) => {
      const named = combinations.map((combination, index) => ({ combination, name: `keys${attempt}-${index}` }))
      await system.apply({
        trustedProxies: ['127.0.0.1'],
        // The limit stands with the upstream, so that two routes can share a count.
        upstreams: Object.fromEntries(named.map(({ name, combination }) => [name, { endpoints: [{ url: upstream.url }], policies: [{ 'rate-limit': { limit: 1, windowSeconds: 36_000, key: combination } }] }])),
        routes: named.flatMap(({ name }) => ['a', 'b'].map((route) => ({ name: `${name}-${route}`, match: { path: `/${name}/${route}` }, upstream: name, policies: [{ jwt: { keys: [key.configured] } }] }))),
      })
      let sent = 0
      const statusOf = async (name: string, caller: Caller): Promise<number> => {
        const { authorization } = bearer(mint(key, { sub: caller.consumer, plan: caller['claim:plan'] })).headers
        const { url } = system.edges[sent++ % system.edges.length]!
        return (await fetchOnce(`${url}/${name}/${caller.route}`, { headers: { authorization, 'x-forwarded-for': caller.ip, 'x-tenant': caller['header:x-tenant'] } })).status
      }
      for (const { combination, name } of named) {
        assert.deepEqual([await statusOf(name, base), await statusOf(name, base)], [200, 429], combination.join(' '))
        for (const part of parts) {
          const expected = combination.includes(part) ? 200 : 429
          assert.equal(await statusOf(name, { ...base, [part]: other[part] }), expected, `${combination.join(' ')}, with another ${part}`)
        }
      }
    })
  },
}
