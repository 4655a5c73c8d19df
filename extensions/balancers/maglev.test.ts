import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { countPicks, endpointFacts } from './balancer.contract.ts'
import type { EndpointFacts } from './endpoints.ts'
import { createUpstreamEndpoints } from './endpoints.ts'
import { findCandidates, noCandidates } from './eligible.ts'
import { hashText } from './hash-text.ts'
import { MaglevTables } from './maglev.ts'

const named = (count: number, overrides: (index: number) => Partial<EndpointFacts> = () => ({})) =>
  Array.from({ length: count }, (_, index) => endpointFacts(`http://10.0.0.${index}:8080`, overrides(index)))

/** Who has each of `keys` keys. */
function owners(list: readonly EndpointFacts[], keys = 20_000): string[] {
  const state = createUpstreamEndpoints('users', list)
  const tables = new MaglevTables()
  const candidates = noCandidates()
  findCandidates(candidates, state, 0, undefined)
  return Array.from({ length: keys }, (_, index) => tables.find(hashText(`user-${index}`), state, candidates, 0, undefined)!.id)
}

const moved = (before: readonly string[], after: readonly string[]) => before.filter((id, index) => id !== after[index]).length / before.length

suite('a Maglev table', () => {
  test('keys are spread evenly', () => {
    const counts = Object.values(Object.groupBy(owners(named(10)), (id) => id)).map((ids) => ids!.length)
    assert.equal(counts.length, 10)
    for (const count of counts) assert.ok(Math.abs(count - 2000) < 200, counts.join(' '))
  })

  test('by weight', () => {
    const share = owners(named(3, (index) => ({ weight: index + 1 }))).filter((id) => id === 'http://10.0.0.2:8080').length / 20_000
    assert.ok(Math.abs(share - 0.5) < 0.02, String(share))
  })

  test('weights that are far apart hold as well, and cost no more time', () => {
    const started = process.cpuUsage()
    const share = owners(named(200, (index) => ({ weight: index === 0 ? 1000 : 1 }))).filter((id) => id === 'http://10.0.0.0:8080').length / 20_000
    assert.ok(Math.abs(share - 1000 / 1199) < 0.02, String(share))
    const { user } = process.cpuUsage(started)
    assert.ok(user < 500_000, `${user} µs`)
  })

  test('every worker has the same table, in whatever order it heard of the endpoints', () => {
    assert.deepEqual(owners(named(10)), owners(named(10).reverse()))
  })

  test('when one leaves, its keys move and hardly any other', () => {
    const before = owners(named(10))
    const after = owners(named(10).filter((_, index) => index !== 3))
    const others = before.map((id, index) => [id, after[index]!] as const).filter(([id]) => id !== 'http://10.0.0.3:8080')
    const strayed = others.filter(([id, now]) => id !== now).length / others.length
    assert.ok(strayed < 0.03, `${strayed} of the keys of those that stayed`)
  })

  test('when one joins ten others, little more than an eleventh of the keys move', () => {
    const share = moved(owners(named(10)), owners(named(11)))
    assert.ok(share > 0.08 && share < 0.13, String(share))
  })

  test('when one is unhealthy only its keys move, to all of the others, and they come back with it', () => {
    const before = owners(named(10))
    const after = owners(named(10, (index) => (index === 3 ? { health: 'unhealthy' } : {})))
    const heirs = new Set<string>()
    for (const [index, id] of before.entries()) {
      if (id === 'http://10.0.0.3:8080') heirs.add(after[index]!)
      else assert.equal(after[index], id)
    }
    assert.equal(heirs.size, 9)
  })

  test('with nine of ten out, each key still finds the tenth', () => {
    const list = named(40, (index) => (index === 17 ? {} : { health: 'draining' }))
    assert.deepEqual([...new Set(owners(list, 500))], ['http://10.0.0.17:8080'])
  })

  test('each priority has a table of its own', () => {
    const list = [...named(3, () => ({ health: 'unhealthy' })), endpointFacts('backup-a', { priority: 1 }), endpointFacts('backup-b', { priority: 1 })]
    assert.deepEqual([...new Set(owners(list, 500))].sort(), ['backup-a', 'backup-b'])
  })

  test('a change of health makes no new table, one of weight does', () => {
    const tables = new MaglevTables()
    const candidates = noCandidates()
    const pick = (state: ReturnType<typeof createUpstreamEndpoints>) => ({ pick: () => (findCandidates(candidates, state, 0, undefined), tables.find(hashText('k'), state, candidates, 0, undefined)) })
    const first = createUpstreamEndpoints('users', named(1000))
    countPicks(pick(first), first, 1)
    const sick = createUpstreamEndpoints('users', named(1000, (index) => (index < 5 ? { health: 'unhealthy' } : {})), first)
    const started = process.cpuUsage()
    for (let i = 0; i < 50; i++) countPicks(pick(i % 2 === 0 ? sick : first), i % 2 === 0 ? sick : first, 1)
    const { user } = process.cpuUsage(started)
    assert.ok(user < 50_000, `${user} µs for 50 changes`)
    const heavier = createUpstreamEndpoints('users', named(1000, (index) => (index === 0 ? { weight: 1000 } : {})), first)
    assert.ok(owners([...heavier.byId.values()].map((endpoint) => endpointFacts(endpoint.id, { weight: endpoint.weight })), 1000).filter((id) => id === 'http://10.0.0.0:8080').length > 400)
  })
})
