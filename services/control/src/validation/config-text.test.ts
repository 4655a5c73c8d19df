import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readConfigText } from './config-text.ts'
import type { Path } from './problem.ts'

const spaced = { version: 1, text: 'a "quoted\\" [{,]}', empty: {}, none: null, pad: 'x'.repeat(260 * 1024), routes: Array.from({ length: 100 }, (_, index) => ({ name: `r${index}`, match: { path: '/é/"' }, flags: [true, -1.5e3, []] })) }

const places: readonly (readonly [Path, boolean])[] = [
  [['version'], false], [['text'], true], [['none'], false], [['routes', 0], false], [['routes', 99, 'match', 'path'], false],
  [['routes', 99, 'flags', 1], false], [['routes', 7, 'flags'], true], [['routes', 7, 'nothing'], false], [['routes', 9999], false], [[], false],
]

test('a large JSON text tells the same positions as its syntax tree', () => {
  const json = JSON.stringify(spaced, undefined, 2)
  assert.ok(json.length > 256 * 1024)
  const large = readConfigText(json, 'f')
  // A comment makes the same text YAML.
  const tree = readConfigText(`${json}\n# end`, 'f')
  assert.deepEqual(large.value, tree.value)
  for (const [path, onKey] of places) assert.deepEqual(large.locate(path, onKey), tree.locate(path, onKey), JSON.stringify(path))
})

test('what is missing is shown where it is missing', () => {
  const text = readConfigText('routes:\n  - name: a\n    match:\n      path: /x\n', 'f')
  assert.deepEqual(text.locate(['routes', 0, 'upstream']), { file: 'f', line: 2, column: 5 })
  assert.deepEqual(text.locate(['routes', 0, 'match', 'path'], true), { file: 'f', line: 4, column: 7 })
})

test('a value that stands for another is shown at that other', () => {
  const text = readConfigText('a: &a { b: 1 }\nc: *a\nd: { <<: *a, e: 2 }\n', 'f')
  assert.deepEqual(text.value, { a: { b: 1 }, c: { b: 1 }, d: { b: 1, e: 2 } })
  assert.deepEqual(text.locate(['c', 'b']), { file: 'f', line: 1, column: 12 })
})

test('YAML beyond all use is refused at once, JSON of that size is read', () => {
  const pad = 'x'.repeat(9 * 1024 * 1024)
  assert.match(readConfigText(`version: 1\npad: ${pad}\n`, 'f').problems[0]?.message ?? '', /more than 8 MB/)
  assert.deepEqual(readConfigText(JSON.stringify({ pad }), 'f').problems, [])
})
