import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { RecentMap } from './recent-map.ts'

suite('a map of what was used of late', () => {
  test('never holds more than its capacity', () => {
    const map = new RecentMap<number>(100)
    for (let i = 0; i < 1000; i++) {
      map.set(`k${i}`, i)
      assert.ok(map.size <= 100)
    }
    assert.equal(map.get('k999'), 999)
    assert.equal(map.get('k0'), undefined)
  })

  test('keeps what is read again and again', () => {
    const map = new RecentMap<number>(100)
    map.set('kept', 1)
    for (let i = 0; i < 1000; i++) {
      map.set(`k${i}`, i)
      assert.equal(map.get('kept'), 1)
    }
  })

  test('a value set again replaces the one before, wherever that was', () => {
    const map = new RecentMap<number>(4)
    map.set('a', 1)
    map.set('b', 1)
    map.set('c', 1)
    map.set('a', 2)
    assert.equal(map.get('a'), 2)
    map.delete('a')
    assert.equal(map.get('a'), undefined)
  })
})
