import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Split, type SplitQuestion } from './split.ts'

const question = (fields: Record<string, string> = {}, address = '203.0.113.1'): SplitQuestion => ({
  client: { address, scheme: 'http' },
  request: { askedPath: fields['path'] ?? '/', headers: { get: (name: string) => fields[name] } },
  responseFields: [],
})
const ways = (...weights: number[]) => weights.map((weight, index) => ({ route: `way-${index}`, weight }))
const users = Array.from({ length: 10_000 }, (_, index) => `user-${index}`)
const chosenBy = (split: Split<string>, field = 'x-user') => users.map((user) => split.choose(question({ [field]: user })))
const countOf = (chosen: readonly string[], way: string) => chosen.filter((one) => one === way).length

suite('a split', () => {
  test('spreads requests by weight, evenly also among a few', () => {
    const split = new Split('r', ways(90, 10), undefined)
    const chosen = Array.from({ length: 1000 }, () => split.choose(question()))
    assert.ok(Math.abs(countOf(chosen, 'way-1') - 100) <= 3, `${countOf(chosen, 'way-1')} of 1000`)
    for (let from = 0; from < 1000; from += 100) assert.ok(countOf(chosen.slice(from, from + 100), 'way-1') >= 7)
  })

  test('a way of weight 0 takes nothing, wherever it stands', () => {
    for (const weights of [[0, 1, 0], [1, 0, 1], [0, 0, 1]]) {
      const split = new Split('r', ways(...weights), 'header:x-user')
      for (const [index, weight] of weights.entries()) assert.equal(countOf(chosenBy(split), `way-${index}`) > 0, weight > 0)
    }
  })

  test('the same key goes the same way, and about its share of all keys goes each', () => {
    const split = new Split('r', ways(80, 20), 'header:x-user')
    const chosen = chosenBy(split)
    assert.deepEqual(chosenBy(split), chosen)
    assert.deepEqual(chosenBy(new Split('r', ways(80, 20), 'header:x-user')), chosen)
    assert.ok(Math.abs(countOf(chosen, 'way-1') / 10_000 - 0.2) < 0.02)
  })

  test('when the share of a canary grows, nobody leaves it', () => {
    const before = chosenBy(new Split('r', ways(90, 10), 'header:x-user'))
    const after = chosenBy(new Split('r', ways(70, 30), 'header:x-user'))
    for (const [index, way] of before.entries()) if (way === 'way-1') assert.equal(after[index], 'way-1')
  })

  test('two routes put different clients on their canaries', () => {
    const [one, other] = ['one', 'other'].map((name) => chosenBy(new Split(name, ways(90, 10), 'header:x-user')))
    const both = one!.filter((way, index) => way === 'way-1' && other![index] === 'way-1').length
    assert.ok(both < 200, `${both} are on both`)
  })

  test('a request without the field goes by its client', () => {
    const split = new Split('r', ways(50, 50), 'cookie:session')
    const chosen = new Set(Array.from({ length: 50 }, () => split.choose(question({}, '203.0.113.9'))))
    assert.equal(chosen.size, 1)
    assert.equal(new Set(users.map((_, index) => split.choose(question({}, `203.0.113.${index % 250}`)))).size, 2)
  })

  test('a cookie of its own keeps a client on its way, also when the shares change', () => {
    const split = new Split('r', ways(50, 50), 'sticky-cookie')
    for (let client = 0; client < 50; client++) {
      const first = question()
      const way = split.choose(first)
      const [name, value] = first.responseFields
      assert.equal(name, 'Set-Cookie')
      assert.match(value!, /^sluice_split_r=\d{1,4}; Path=\/; HttpOnly; SameSite=Lax$/)
      const again = question({ cookie: `a=b; ${value!.split(';')[0]}` })
      assert.equal(split.choose(again), way)
      assert.deepEqual(again.responseFields, [])
    }
  })

  test('a cookie that says something else is replaced', () => {
    for (const text of ['x', '10000', '-1', '', '0x1']) {
      const asked = question({ cookie: `sluice_split_r=${text}` })
      new Split('r', ways(1), 'sticky-cookie').choose(asked)
      assert.equal(asked.responseFields[0], 'Set-Cookie')
    }
  })
})
