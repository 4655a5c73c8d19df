import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { addParameter, countParameters, parameters, readParameter, removeParameter, renameParameter, setParameter } from './query.ts'

test('parameters are counted, empty parts are not', () => {
  for (const [query, count] of [['', 0], ['a', 1], ['a=1&b=2', 2], ['a=1&&b=2&', 2], ['&', 0], ['=', 1]] as const) assert.equal(countParameters(query), count, query)
})

test('a parameter is read by its name however that is escaped', () => {
  assert.equal(readParameter('a=1&api_key=x%20y+z', 'api_key'), 'x y z')
  assert.equal(readParameter('ap%69_key=s', 'api_key'), 's')
  assert.equal(readParameter('a+b=1', 'a b'), '1')
  assert.equal(readParameter('api_keys=1&xapi_key=2', 'api_key'), undefined)
  assert.equal(readParameter('flag&b', 'flag'), '')
  assert.equal(readParameter('a=%zz', 'a'), '%zz')
  assert.equal(readParameter('a=b=c', 'a'), 'b=c')
})

test('the first of two parameters of a name is read', () => {
  assert.equal(readParameter('a=1&a=2', 'a'), '1')
})

test('removing takes every spelling of the name and leaves the rest byte for byte', () => {
  assert.equal(removeParameter('x=%2f&key=1&y=+&&ke%79=2&z', 'key'), 'x=%2f&y=+&&z')
  assert.equal(removeParameter('key=1', 'key'), '')
  assert.equal(removeParameter('a=1&', 'key'), 'a=1&')
  assert.equal(removeParameter('', 'key'), '')
})

test('setting replaces the first and drops the others of the name', () => {
  assert.equal(setParameter('a=1&b=%7e&a=3', 'a', 'x y'), 'a=x%20y&b=%7e')
  assert.equal(setParameter('b=2', 'a', '1'), 'b=2&a=1')
  assert.equal(setParameter('', 'a', '&='), 'a=%26%3D')
})

test('adding leaves those of the same name', () => {
  assert.equal(addParameter('a=1', 'a', '2'), 'a=1&a=2')
})

test('renaming keeps values byte for byte', () => {
  assert.equal(renameParameter('old=%2f+&b&old', 'old', 'new'), 'new=%2f+&b&new')
})

test('what is added can be read, and what was there is unchanged', () => {
  fc.assert(fc.property(fc.string(), fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' }), (query, name, value) => {
    const added = addParameter(query, name, value)
    assert.ok(added.startsWith(query))
    if (readParameter(query, name) === undefined) assert.equal(readParameter(added, name), value)
  }))
})

test('reading agrees with URLSearchParams on what URLSearchParams writes', () => {
  const pairs = fc.array(fc.tuple(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' })), { maxLength: 6 })
  fc.assert(fc.property(pairs, (list) => {
    const query = new URLSearchParams(list).toString()
    assert.deepEqual([...parameters(query)].map((pair) => [...pair]), list)
  }))
})

test('a removed parameter is gone, whatever the query', () => {
  const part = fc.tuple(fc.constantFrom('key', 'k%65y', 'other', 'ke', ''), fc.constantFrom('', '=', '=1', '=%', '=+'))
  fc.assert(fc.property(fc.array(part), (parts) => {
    const removed = removeParameter(parts.map((pair) => pair.join('')).join('&'), 'key')
    assert.equal(readParameter(removed, 'key'), undefined)
  }))
})
