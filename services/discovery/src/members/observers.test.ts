import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { observersOf } from './observers.ts'

const members = (...zones: string[]) => zones.map((zone, index) => ({ instance: `i${index}`, zone }))
const keys = Array.from({ length: 600 }, (_, index) => `users\0e${index}`)

suite('who probes an endpoint', () => {
  test('all, while there are no more than three', () => {
    assert.deepEqual(observersOf('users\0a', '', members('')), ['i0'])
    assert.equal(observersOf('users\0a', 'a', members('a', 'b', 'c')).length, 3)
  })

  test('two in its zone and one outside, as far as there are any', () => {
    const all = members('a', 'a', 'a', 'b', 'b', 'c')
    for (const key of keys) {
      const zonesOf = (zone: string) => observersOf(key, zone, all).map((instance) => all.find((one) => one.instance === instance)!.zone)
      assert.deepEqual(zonesOf('a').map((zone) => zone === 'a'), [true, true, false])
      assert.deepEqual(zonesOf('c').filter((zone) => zone === 'c').length, 1)
      assert.equal(new Set(observersOf(key, 'nowhere', all)).size, 3)
      assert.equal(observersOf(key, 'a', members('a', 'a', 'a', 'a')).length, 3)
    }
  })

  test('each has about its share, and one that goes moves nothing between the others', () => {
    const all = members('', '', '', '', '', '')
    const shares = new Map<string, number>()
    for (const key of keys) {
      const before = observersOf(key, '', all)
      for (const instance of before) shares.set(instance, (shares.get(instance) ?? 0) + 1)
      const after = observersOf(key, '', all.filter(({ instance }) => instance !== 'i5'))
      for (const instance of before) if (instance !== 'i5') assert.ok(after.includes(instance))
    }
    for (const [instance, share] of shares) assert.ok(share > 240 && share < 360, `${instance} has ${share} of 1800`)
  })
})
