import assert from 'node:assert/strict'
import { validateHeaderName, validateHeaderValue } from 'node:http'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFieldName, isFieldValue, isNamed } from './field-syntax.ts'

function isRefused(check: () => void): boolean {
  try {
    check()
    return false
  } catch {
    return true
  }
}

test('a field name is what Node takes as one', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 6 }), (name) => {
    assert.equal(isFieldName(name), !isRefused(() => validateHeaderName(name)))
  }))
})

test('a value that is taken is one that Node would send', () => {
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 6 }), (value) => {
    if (isFieldValue(value)) assert.ok(!isRefused(() => validateHeaderValue('x', value)))
  }))
})

for (const value of ['a\r\nb: c', 'a\nb', 'a\0', 'a\u0142', 'a\x7f']) {
  test(`${JSON.stringify(value)} may not stand in a field`, () => {
    assert.equal(isFieldValue(value), false)
  })
}

test('spaces, tabs and latin1 letters may stand in a value', () => {
  assert.equal(isFieldValue('a b\tc é'), true)
})

test('a name is told by its letters, whether they are capitals, and by nothing else', () => {
  for (const name of ['x-a^1', 'X-A^1', 'X-a^1']) assert.equal(isNamed(name, 'x-a^1'), true, name)
  for (const name of ['x-a~1', 'x-a^', 'x-a^11', '\rx-a^1', 'x\ra^1', 'x-\x01^1', 'x-a^\x11', '\u212a-a^1', '']) assert.equal(isNamed(name, 'x-a^1'), false, name)
})
