import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { suite, test } from 'node:test'
import { answer, neverAnswer, startUpstream, type Script } from '@sluice/testkit'
import { fetchDocument, freshMsOf } from './fetch-key-set.ts'

const key = { ...generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' }), kid: 'a' }
const jwks = JSON.stringify({ keys: [key] })
const fetchFrom = (uri: string, insecure = false) => fetchDocument(uri, { insecure })
const redirect = (status: number, location: string): Script => answer(status, '', { location })

suite('fetching a key set', () => {
  test('gives its public keys in one spelling, however the issuer writes them', async (t) => {
    const { d, ...parts } = { ...generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ format: 'jwk' }), kid: 'leaked' } as Record<string, unknown>
    const upstream = await startUpstream(t, answer(200, JSON.stringify({ keys: [{ ...parts, d }] })))
    const first = await fetchFrom(`${upstream.url}/jwks`)
    upstream.does(answer(200, JSON.stringify({ more: 1, keys: [Object.fromEntries(Object.entries({ ...parts, d }).reverse())] }, null, 2)))
    const second = await fetchFrom(`${upstream.url}/jwks`)
    assert.deepEqual(Object.keys((JSON.parse(first.jwks) as { keys: object[] }).keys[0]!), ['e', 'kid', 'kty', 'n'])
    assert.equal(first.digest, second.digest)
    assert.ok(!first.jwks.includes(String(d)))
    assert.match(upstream.requests[0]!.headers.accept ?? '', /jwk-set\+json/)
  })

  test('follows a redirect within the issuer, and none that leads away', async (t) => {
    const upstream = await startUpstream(t, answer(200, jwks))
    const other = await startUpstream(t, answer(200, jwks))
    upstream.doesNext(redirect(301, '/elsewhere'))
    assert.match((await fetchFrom(`${upstream.url}/jwks`)).jwks, /"kid":"a"/)
    assert.equal(upstream.requests.at(-1)?.url, '/elsewhere')
    upstream.doesNext(redirect(302, `${other.url}/jwks`))
    await assert.rejects(fetchFrom(upstream.url), /redirects to another origin/)
    assert.equal(other.requests.length, 0)
    upstream.does(redirect(307, '/again'))
    await assert.rejects(fetchFrom(upstream.url), /redirects more than 3 times/)
  })

  test('refuses what is no key set', async (t) => {
    const upstream = await startUpstream(t)
    for (const [script, reason] of [
      [answer(500, jwks), /status 500/],
      [answer(204, ''), /status 204/],
      [answer(200, '<html>'), /not JSON/],
      [answer(200, '{"keys":3}'), /no list/],
      [answer(200, `{"keys":[],"padding":"${'x'.repeat(1_000_000)}"}`), /larger than/],
    ] as const) {
      upstream.does(script)
      await assert.rejects(fetchFrom(upstream.url), reason)
    }
  })

  test('gives up on an issuer that does not answer', async (t) => {
    const upstream = await startUpstream(t, neverAnswer())
    const timeout = t.mock.method(AbortSignal, 'timeout', () => AbortSignal.abort(new DOMException('it took too long', 'TimeoutError')))
    await assert.rejects(fetchFrom(upstream.url), /took too long/)
    assert.deepEqual(timeout.mock.calls[0]?.arguments, [5000])
  })

  test('goes over plain http to loopback only, unless it is told to', async () => {
    for (const uri of ['http://id.example/jwks', 'http://10.0.0.1/jwks', 'http://127.0.0.1.evil.example/jwks']) await assert.rejects(fetchFrom(uri), /loopback only/)
    for (const uri of ['ftp://id.example/jwks', 'file:///etc/passwd', 'nonsense', '']) await assert.rejects(fetchFrom(uri), /not an http or https URL/)
    await assert.rejects(fetchFrom('https://user:secret@id.example/jwks'), (error: Error) => /password/.test(error.message) && !error.message.includes('secret'))
  })

  test('an issuer says for how long a set is fresh, within a minute and an hour', () => {
    for (const [header, seconds] of [
      [null, 300], ['', 300], ['public', 300], ['max-age=600', 600], ['public, Max-Age=600', 600], ['max-age="600"', 600],
      ['max-age=1', 60], ['max-age=0', 60], ['no-store', 60], ['max-age=600, no-cache', 60], ['max-age=86400', 3600], ['max-age=soon', 300],
    ] as const) assert.equal(freshMsOf(header), seconds * 1000, String(header))
  })
})
