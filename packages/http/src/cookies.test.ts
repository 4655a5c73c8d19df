import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readCookie, removeCookie } from './cookies.ts'

test('a cookie is read among others', () => {
  const field = 'a=1; token=abc=def; tokens=x; b="quoted"'
  assert.equal(readCookie(field, 'token'), 'abc=def')
  assert.equal(readCookie(field, 'a'), '1')
  assert.equal(readCookie(field, 'b'), 'quoted')
  assert.equal(readCookie(field, 'oken'), undefined)
  assert.equal(readCookie('', 'a'), undefined)
  assert.equal(readCookie('a', 'a'), undefined)
  assert.equal(readCookie('a=', 'a'), '')
})

test('the first of two cookies of a name counts', () => {
  assert.equal(readCookie('a=1; a=2', 'a'), '1')
})

test('one cookie of several is removed and the others stay as they were', () => {
  assert.equal(removeCookie('a=1; key=s; b="2"', 'key'), 'a=1; b="2"')
  assert.equal(removeCookie('key=s; b=2', 'key'), 'b=2')
  assert.equal(removeCookie('a=1;key=s', 'key'), 'a=1')
  assert.equal(removeCookie('key=s', 'key'), '')
  assert.equal(removeCookie('a=1; key=s; key=t', 'key'), 'a=1')
  assert.equal(removeCookie('monkey=1; KEY=2', 'key'), 'monkey=1; KEY=2')
})
