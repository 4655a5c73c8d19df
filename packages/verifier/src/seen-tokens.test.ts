import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SeenTokens } from './seen-tokens.ts'

test('what one checker knows of a token is nothing to another, and goes for itself', () => {
  const seen = new SeenTokens<string>()
  const [one, other, third] = [{}, {}, {}]
  seen.set('a.b.c', one, 'good')
  seen.set('a.b.c', other, 'good as well')
  assert.deepEqual([one, other, third].map((owner) => seen.get('a.b.c', owner)), ['good', 'good as well', undefined])
  seen.delete('a.b.c', one)
  seen.delete('a.b.c', third)
  assert.deepEqual([one, other].map((owner) => seen.get('a.b.c', owner)), [undefined, 'good as well'])
  seen.delete('a.b.c', other)
  assert.equal(seen.get('a.b.c', other), undefined)
})

test('of many tokens the last are held, and those in use stay among them', () => {
  const seen = new SeenTokens<number>()
  const owner = {}
  for (let index = 0; index < 5000; index++) {
    seen.set(`token-${index}`, owner, index)
    assert.equal(seen.get('token-0', owner), 0)
  }
  const held = Array.from({ length: 5000 }, (_, index) => seen.get(`token-${index}`, owner)).filter((known) => known !== undefined)
  assert.ok(held.length >= 256 && held.length <= 1024, `${held.length} are held`)
})

test('a token that is longer than usual is not held', () => {
  const seen = new SeenTokens<string>()
  const owner = {}
  seen.set('x'.repeat(2049), owner, 'good')
  assert.equal(seen.get('x'.repeat(2049), owner), undefined)
  seen.set('x'.repeat(2048), owner, 'good')
  assert.equal(seen.get('x'.repeat(2048), owner), 'good')
})
