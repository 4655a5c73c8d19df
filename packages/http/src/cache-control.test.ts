import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseCacheControl } from './cache-control.ts'

const said = (...values: string[]) => {
  const control = parseCacheControl(values)
  return Object.fromEntries(Object.entries(control).filter(([, value]) => value !== undefined && value !== false && !(Array.isArray(value) && value.length === 0)))
}

test('directives are read whatever their case and however they are spread over fields', () => {
  assert.deepEqual(said('Public, MAX-AGE=60', 's-maxage=120'), { isPublic: true, maxAge: 60, sharedMaxAge: 120 })
  assert.deepEqual(said('no-store'), { noStore: true })
  assert.deepEqual(said('must-revalidate, proxy-revalidate'), { mustRevalidate: true, proxyRevalidate: true })
  assert.deepEqual(said('max-age=1,stale-while-revalidate=2 ,stale-if-error=3'), { maxAge: 1, staleWhileRevalidate: 2, staleIfError: 3 })
  assert.deepEqual(said('min-fresh=5, max-stale'), { minFresh: 5, maxStale: Infinity })
  assert.deepEqual(said('max-stale=7'), { maxStale: 7 })
  assert.deepEqual(said('only-if-cached'), { onlyIfCached: true })
  assert.deepEqual(said(), {})
})

test('no-cache and private with names concern those fields alone', () => {
  assert.deepEqual(said('no-cache'), { noCache: true })
  assert.deepEqual(said('no-cache="Set-Cookie, X-Day", private=X-Mine'), { hiddenFields: ['set-cookie', 'x-day', 'x-mine'] })
  assert.deepEqual(said('private'), { isPrivate: true })
})

test('a comma inside quotes parts nothing, and extensions are passed over', () => {
  assert.deepEqual(said('ext="a, no-store", max-age="9"'), { maxAge: 9 })
  assert.deepEqual(said('community="UCI", x=1'), {})
})

test('what is said twice counts as said first', () => {
  assert.deepEqual(said('max-age=10, max-age=20'), { maxAge: 10 })
})

test('a duration that cannot be read is none, and one beyond all counting is the longest', () => {
  for (const bad of ['max-age=abc', 'max-age=-1', 'max-age=1.5', 'max-age', 'max-age=']) assert.deepEqual(said(bad), { maxAge: 0 }, bad)
  assert.deepEqual(said('max-age=99999999999999999999'), { maxAge: 2 ** 31 })
})

test('of what cannot be read the name counts, and all that is around it', () => {
  assert.deepEqual(said('@@@, max-age=3'), { maxAge: 3 })
  assert.deepEqual(said(',,, no-cache ,,'), { noCache: true })
  assert.deepEqual(said('max age=3, no-store'), { noStore: true })
  assert.deepEqual(said('private="never closed, no-store'), { isPrivate: true, noStore: true })
})
