import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseHttpDate } from './http-date.ts'

test('a date is read in all three forms', () => {
  const instant = Date.UTC(1994, 10, 6, 8, 49, 37)
  for (const text of ['Sun, 06 Nov 1994 08:49:37 GMT', 'Sunday, 06-Nov-94 08:49:37 GMT', 'Sun Nov  6 08:49:37 1994']) assert.equal(parseHttpDate(text), instant, text)
})

test('what is no date is none', () => {
  for (const text of ['0', '', '-1', '1994-11-06T08:49:37Z', 'Sun, 06 Nov 1994 08:49:37 UTC', 'Sun, 6 Nov 1994 08:49:37 GMT', 'sun, 06 nov 1994 08:49:37 gmt', 'Sun, 32 Nov 1994 08:49:37 GMT', 'Sun, 06 Nov 1994 24:00:00 GMT']) {
    assert.equal(parseHttpDate(text), undefined, text)
  }
})

test('a year of two digits is never more than fifty years ahead', () => {
  const now = new Date().getUTCFullYear()
  for (let ahead = -49; ahead <= 50; ahead++) {
    const year = now + ahead
    const text = `Sunday, 06-Nov-${String(year % 100).padStart(2, '0')} 08:49:37 GMT`
    assert.equal(new Date(parseHttpDate(text)!).getUTCFullYear(), year, text)
  }
})
