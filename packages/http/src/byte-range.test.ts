import assert from 'node:assert/strict'
import { test } from 'node:test'
import { byteRange } from './byte-range.ts'

test('a range is bytes from the first on, up to one, or the last so many', () => {
  assert.deepEqual(byteRange('bytes=0-0', 10), { first: 0, last: 0 })
  assert.deepEqual(byteRange('bytes=2-', 10), { first: 2, last: 9 })
  assert.deepEqual(byteRange('bytes=2-99', 10), { first: 2, last: 9 })
  assert.deepEqual(byteRange('Bytes= -3', 10), { first: 7, last: 9 })
  assert.deepEqual(byteRange('bytes=-99', 10), { first: 0, last: 9 })
})

test('one that begins behind the end cannot be had', () => {
  for (const value of ['bytes=10-', 'bytes=10-20', 'bytes=-0']) assert.equal(byteRange(value, 10), 'unsatisfiable', value)
  assert.equal(byteRange('bytes=0-', 0), 'unsatisfiable')
  assert.equal(byteRange('bytes=-5', 0), 'unsatisfiable')
})

test('what cannot be read, is of another unit, or asks for several parts is passed over', () => {
  for (const value of ['bytes=5-2', 'bytes=', 'bytes=-', 'bytes=a-b', 'items=0-1', 'bytes=0-1,3-4', 'bytes 0-1', '']) assert.equal(byteRange(value, 10), undefined, value)
})
