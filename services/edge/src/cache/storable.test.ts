import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from '@sluice/http'
import type { CacheRules } from '@sluice/policies/policy'
import { type AskedBy, storableResponse } from './storable.ts'

const at = Date.UTC(2026, 10, 22, 12, 0, 0)
const times = { requestedAtMs: at, receivedAtMs: at }
const nobody: AskedBy = { isIdentified: false, isAuthorized: false }
const rulesOf = (changes: Partial<CacheRules> = {}): CacheRules => ({ ttlMs: undefined, maxObjectBytes: 1000, sharesStore: false, keyQuery: undefined, keyHeaders: [], staleWhileRevalidateMs: 0, staleIfErrorMs: 0, tagsOf: () => [], ...changes })

function kept(control: string, { asked = nobody, rules = {}, status = 200, fields = [] }: { asked?: AskedBy; rules?: Partial<CacheRules>; status?: number; fields?: string[] } = {}) {
  const headers = new HeaderFields([...(control === '' ? [] : ['Cache-Control', control]), ...fields])
  return storableResponse(asked, { status, headers, setsCookies: headers.has('set-cookie') }, rulesOf(rules), times)
}

/** For whom it is kept. */
const whose = (control: string, asked: AskedBy, rules: Partial<CacheRules> = {}) => {
  const response = kept(control, { asked, rules })
  return response === undefined ? 'nobody' : response.isShared ? 'all' : 'own'
}

test('a response for a caller that is known is its own, unless it says that it is for all', () => {
  const known: AskedBy = { isIdentified: true, isAuthorized: false }
  for (const control of ['max-age=60', 'max-age=60, must-revalidate']) assert.equal(whose(control, known), 'own', control)
  for (const control of ['max-age=60, public', 's-maxage=60']) assert.equal(whose(control, known), 'all', control)
  for (const control of ['max-age=60, private', 'no-store', '']) assert.equal(whose(control, known), 'nobody', control)
})

test('where it was asked for with Authorization it is nobody\'s, unless it or the operator says otherwise', () => {
  const token: AskedBy = { isIdentified: true, isAuthorized: true }
  assert.deepEqual([whose('max-age=60', token), whose('max-age=60, must-revalidate', token), whose('max-age=60, public', token)], ['nobody', 'nobody', 'all'])
  assert.deepEqual([whose('max-age=60', token, { ttlMs: 1000 }), whose('', token, { ttlMs: 1000 }), whose('private', token, { ttlMs: 1000 })], ['own', 'own', 'nobody'])
  const unknown: AskedBy = { isIdentified: false, isAuthorized: true }
  assert.deepEqual([whose('max-age=60', unknown), whose('max-age=60, must-revalidate', unknown), whose('s-maxage=60', unknown)], ['nobody', 'own', 'all'])
  assert.equal(whose('max-age=60', unknown, { ttlMs: 1000 }), 'nobody')
})

test('it is fresh for its lifetime less the age that it came with', () => {
  assert.equal(kept('max-age=60')!.freshUntilMs, at + 60_000)
  assert.equal(kept('max-age=60', { fields: ['Age', '20'] })!.freshUntilMs, at + 40_000)
  assert.equal(kept('max-age=60', { rules: { ttlMs: 5000 }, fields: ['Age', '20'] })!.freshUntilMs, at + 5000)
  assert.equal(kept('no-cache', { fields: ['ETag', '"1"'] })!.freshUntilMs, at)
  assert.equal(kept('no-cache'), undefined)
})

test('how long it may be used stale is what it says, else what the operator does; some forbid it', () => {
  const stale = (control: string) => {
    const { staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate } = kept(control, { rules: { staleWhileRevalidateMs: 1000, staleIfErrorMs: 2000 } })!
    return [staleWhileRevalidateMs, staleIfErrorMs, mustRevalidate]
  }
  assert.deepEqual(stale('max-age=60'), [1000, 2000, false])
  assert.deepEqual(stale('max-age=60, stale-while-revalidate=7, stale-if-error=0'), [7000, 0, false])
  for (const control of ['max-age=60, must-revalidate', 'max-age=60, proxy-revalidate, stale-if-error=9', 's-maxage=60']) assert.deepEqual(stale(control), [0, 0, true], control)
  assert.deepEqual(stale('s-maxage=60, stale-while-revalidate=7'), [7000, 0, false])
})

test('an error is made to last by nobody but its upstream, and one of a server not even so', () => {
  assert.equal(kept('', { status: 404, rules: { ttlMs: 1000 } }), undefined)
  assert.notEqual(kept('max-age=1', { status: 404 }), undefined)
  for (const status of [500, 503, 206, 304, 201]) assert.equal(kept('max-age=60', { status, rules: { ttlMs: 1000 } }), undefined, String(status))
})

test('what is not for others to see, or is written anew, is not among its fields', () => {
  const { fields } = kept('max-age=60, private="x-mine", no-cache="set-cookie"', { fields: ['Age', '1', 'X-Mine', 'm', 'Set-Cookie', 'a=b', 'Content-Length', '4', 'X-Other', 'o'] })!
  assert.deepEqual(fields.filter((_, index) => index % 2 === 0), ['Cache-Control', 'X-Other', 'Date'])
  assert.equal(fields.at(-1), new Date(at).toUTCString())
})
