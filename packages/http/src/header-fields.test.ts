import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from './header-fields.ts'

test('a field is found whatever its spelling, and keeps that spelling', () => {
  const fields = new HeaderFields(['Content-Type', 'a', 'ACCEPT', 'b'])
  assert.equal(fields.get('content-type'), 'a')
  assert.equal(fields.get('accept'), 'b')
  assert.equal(fields.has('accept-language'), false)
  assert.deepEqual(fields.flat, ['Content-Type', 'a', 'ACCEPT', 'b'])
})

test('a value that looks like a name is no field', () => {
  assert.equal(new HeaderFields(['X', 'accept', 'Y', '1']).get('accept'), undefined)
})

test('setting replaces all of the name by one, in the place of the first', () => {
  const fields = new HeaderFields(['a', '1', 'b', '2', 'A', '3'])
  fields.set('A', '4')
  assert.deepEqual(fields.flat, ['a', '4', 'b', '2'])
  fields.set('c', '5')
  assert.deepEqual(fields.getAll('c'), ['5'])
})

test('removing takes all of the name and says whether there was one', () => {
  const fields = new HeaderFields(['a', '1', 'A', '2', 'b', '3'])
  assert.equal(fields.remove('a'), true)
  assert.equal(fields.remove('a'), false)
  assert.deepEqual(fields.flat, ['b', '3'])
  assert.equal(fields.count, 1)
})
