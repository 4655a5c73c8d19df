import assert from 'node:assert/strict'
import { it } from 'node:test'
import { retryAfterMs } from './retry-after.ts'

const noon = Date.parse('2026-03-01T12:00:00Z')

it('seconds and dates say how long an endpoint wants to be left alone', () => {
  assert.equal(retryAfterMs('7', noon), 7000)
  assert.equal(retryAfterMs('Sun, 01 Mar 2026 12:00:20 GMT', noon), 20_000)
})

it('it is left alone for a minute at most', () => {
  for (const value of ['61', '9999999999', 'Fri, 01 Jan 2100 00:00:00 GMT']) assert.equal(retryAfterMs(value, noon), 60_000, value)
})

it('what is past, missing or no time at all is no wish', () => {
  for (const value of [undefined, '', '0', '-5', '1.5s', 'soon', 'Sun, 01 Mar 2026 11:00:00 GMT', '99999999999']) assert.equal(retryAfterMs(value, noon), 0, String(value))
})
