import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deltaBetween, emptyConfig, lineOf, SegmentedConfig, textOfLines } from './segments.ts'
import { sealLines, unsealLines } from './secret-lines.ts'

test('a configuration made at once is the one that is made line by line', () => {
  const entities = Array.from({ length: 3000 }, (_, index) => [`routes/${index % 2500}-"ä`, { name: String(index), nested: { b: index, a: [index] } }] as const)
  const lines = entities.map(([key, value]) => lineOf(key, value))
  const [atOnce, byLine] = [SegmentedConfig.of(entities), emptyConfig.with(lines)]
  assert.equal(atOnce.digest, byLine.digest)
  assert.deepEqual(atOnce.segments, byLine.segments)
  assert.equal(SegmentedConfig.of([]).digest, emptyConfig.digest)
})

test('what leads to a configuration is told from wherever it is asked, and asked again', () => {
  const first = SegmentedConfig.of(Array.from({ length: 300 }, (_, index) => [`routes/${index}`, { name: String(index) }] as const))
  const second = first.with(['["routes/7",{"name":"seven"}]'])
  const third = second.with(['["routes/7"]', '["routes/new",{"name":"new"}]'])
  for (let times = 0; times < 2; times++) {
    for (const from of [second, first, emptyConfig, third, second]) assert.equal(from.with(deltaBetween(from, third)).digest, third.digest)
    assert.deepEqual(deltaBetween(second, third).toSorted(), ['["routes/7"]', '["routes/new",{"name":"new"}]'])
    assert.deepEqual(deltaBetween(first, second), ['["routes/7",{"name":"seven"}]'])
    assert.deepEqual(deltaBetween(third, third), [])
  }
  assert.equal(third.with(['["routes/new",{"name":"new"}]', '["routes/7"]']), third)
  const fourth = third.with(['["routes/new",{"name":"new"}]', '["routes/8",{"name":"eight"}]'])
  assert.deepEqual(deltaBetween(third, fourth), ['["routes/8",{"name":"eight"}]'])
})

test('values of references are sealed and all else stays readable; lines that were never sealed stay as they are', () => {
  const lines = [lineOf('routes/a', { name: 'a' }), lineOf('secrets/env:A', 'hidden'), lineOf('secrets/env:B', undefined)]
  const sealed = sealLines(lines, (value) => value.toUpperCase())
  assert.equal(textOfLines(sealed), '["routes/a",{"name":"a"}]\n["secrets/env:A",{"sealed":"HIDDEN"}]\n["secrets/env:B"]\n')
  assert.deepEqual(unsealLines(sealed, (value) => value.toLowerCase()), lines)
  assert.deepEqual(unsealLines(lines, () => assert.fail()), lines)
})
