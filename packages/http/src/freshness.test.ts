import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parseCacheControl } from './cache-control.ts'
import { freshnessLifetimeMs, initialAgeMs } from './freshness.ts'
import { HeaderFields } from './header-fields.ts'

const at = Date.UTC(2026, 10, 22, 12, 0, 0)
const date = (ms: number) => new Date(ms).toUTCString()

function lifetime(control: string, ...fields: string[]): number | undefined {
  return freshnessLifetimeMs(parseCacheControl([control]), new HeaderFields(fields), at)
}

test('s-maxage stands above max-age, and that above Expires', () => {
  const expires = ['Date', date(at), 'Expires', date(at + 10_000)]
  assert.equal(lifetime('s-maxage=30, max-age=20', ...expires), 30_000)
  assert.equal(lifetime('max-age=20', ...expires), 20_000)
  assert.equal(lifetime('', ...expires), 10_000)
  assert.equal(lifetime('s-maxage=0, max-age=20'), 0)
})

test('Expires counts from Date, or from when the response came', () => {
  assert.equal(lifetime('', 'Expires', date(at + 5000)), 5000)
  assert.equal(lifetime('', 'Date', date(at - 60_000), 'Expires', date(at)), 60_000)
  assert.equal(lifetime('', 'Date', date(at), 'Expires', date(at - 1000)), 0)
  assert.equal(lifetime('', 'Expires', '0'), 0)
})

test('a response that names no lifetime has none', () => {
  assert.equal(lifetime('public'), undefined)
  assert.equal(lifetime('', 'Last-Modified', date(at - 86_400_000)), undefined)
})

test('the age at arrival is what is told and the time it took, or what Date shows, whichever is more', () => {
  const age = (...fields: string[]) => initialAgeMs(new HeaderFields(fields), { requestedAtMs: at - 2000, receivedAtMs: at })
  assert.equal(age(), 2000)
  assert.equal(age('Age', '10'), 12_000)
  assert.equal(age('Age', '10', 'Date', date(at - 30_000)), 30_000)
  assert.equal(age('Date', date(at + 30_000)), 2000)
  assert.equal(age('Age', '-5'), 2000)
  assert.equal(age('Age', '7, 8'), 9000)
})

test('whatever the fields and clocks say, no age and no lifetime is below zero', () => {
  const text = fc.oneof(fc.string(), fc.integer().map(String), fc.date({ noInvalidDate: true }).map((one) => one.toUTCString()))
  fc.assert(
    fc.property(text, text, text, text, fc.integer({ min: -100_000, max: 100_000 }), (age, dateText, expires, control, took) => {
      const fields = new HeaderFields(['Age', age, 'Date', dateText, 'Expires', expires])
      assert.ok(initialAgeMs(fields, { requestedAtMs: at - took, receivedAtMs: at }) >= 0)
      assert.ok((freshnessLifetimeMs(parseCacheControl([control]), fields, at) ?? 0) >= 0)
    }),
  )
})
