import assert from 'node:assert/strict'
import { test } from 'node:test'
import { quoted, tokenOrQuoted } from './quoted.ts'

test('a quoted string keeps its quotes and backslashes apart from its ends', () => {
  assert.equal(quoted('a "b" \\c'), '"a \\"b\\" \\\\c"')
})

test('no line break gets into a quoted string', () => {
  assert.equal(quoted('a\r\nb'), '"a  b"')
})

test('a token needs no quotes', () => {
  assert.equal(tokenOrQuoted('abc'), 'abc')
  assert.equal(tokenOrQuoted('a:1'), '"a:1"')
  assert.equal(tokenOrQuoted(''), '""')
})
