import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from './header-fields.ts'
import { varyNames, varyText } from './vary.ts'

const names = (...fields: string[]) => varyNames(new HeaderFields(fields))
const text = (...fields: string[]) => varyText(['accept', 'accept-language'], new HeaderFields(fields))

test('names are the same however they are written and spread', () => {
  assert.deepEqual(names('Vary', 'Accept-Language, ACCEPT', 'vary', 'accept'), ['accept', 'accept-language'])
  assert.deepEqual(names('Content-Type', 'x'), [])
  assert.deepEqual(names('Vary', ' , '), [])
})

test('a star stands above all names', () => {
  assert.equal(names('Vary', 'Accept', 'Vary', '*'), '*')
})

test('two requests are alike when the named fields say the same', () => {
  assert.equal(text('Accept', 'a, b', 'Accept-Language', 'en'), text('accept-language', 'en', 'ACCEPT', 'a ,b', 'X-Other', '1'))
  assert.equal(text('Accept', 'a', 'Accept', 'b'), text('Accept', 'a,b'))
  assert.notEqual(text('Accept', 'a'), text('Accept', 'A'))
  assert.notEqual(text('Accept', ''), text())
  assert.notEqual(text('Accept', 'a', 'Accept-Language', ''), text('Accept', 'a'))
})
