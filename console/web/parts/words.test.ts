import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bytes, milliseconds, perSecond, percent, several, since } from './words.ts'

test('bytes are told in the unit that leaves one to three digits', () => {
  assert.deepEqual([0, 999, 1500, 123_456, 5e9].map(bytes), ['0 bytes', '999 bytes', '1.5 kB', '123 kB', '5.0 GB'])
})

test('a share that is not nothing is not told as nothing', () => {
  assert.deepEqual([percent(0, 0), percent(0, 10), percent(1, 100_000), percent(1, 80), percent(1, 2)], ['0 %', '0 %', '< 0.1 %', '1.3 %', '50 %'])
})

test('instants are told by how far away they are, on either side of now', () => {
  const now = 1_000_000_000
  assert.deepEqual([now - 5000, now - 120_000, now + 7_200_000, now - 86_400_000 * 3].map((at) => since(at, now)), ['5 s ago', '2 min ago', 'in 2 h', '3 days ago'])
})

test('small figures keep a digit, large ones are rounded', () => {
  assert.deepEqual([0, 0.25, 12.4, 12_345].map(perSecond), ['0', '0.3', '12', '12,345'])
  assert.deepEqual([1.25, 250.4, 12_345].map(milliseconds), ['1.3 ms', '250 ms', '12.3 s'])
  assert.deepEqual([several(1, 'edge'), several(2, 'edge')], ['1 edge', '2 edges'])
})
