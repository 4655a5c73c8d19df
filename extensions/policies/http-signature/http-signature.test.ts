import assert from 'node:assert/strict'
import { createHash, createHmac, createPublicKey, verify } from 'node:crypto'
import { test } from 'node:test'
import { exchangeOf, fieldValues, type ExchangeChanges, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import type { Exchange } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult, Policy, SignedText, Verdict } from '../policy.ts'
import * as module from './http-signature.ts'
import { schema } from './schema.ts'
import { signatureBase } from './signature-base.ts'

const secret = 'a shared secret of more than 32 bytes'
const keys = [{ keyId: 'shop', algorithm: 'hmac-sha256', secret }]
policyContract({ schema, module, from: import.meta.url, examples: [{ keys }], required: 'keys' })

const now = 1_618_884_473
const good: Verdict = { outcome: 'valid', identity: identityOf({ consumer: 'shop', method: 'http-signature' }) }

function policyOf(settings: Record<string, unknown> = {}, changes: PartsChanges = { signature: async () => good }) {
  const signed: SignedText[] = []
  const signature = (text: SignedText, from: string | undefined) => (signed.push(text), changes.signature!(text, from))
  const parts = { ...partsFor('http-signature', { ...changes, ...(changes.signature && { signature }) }), clock: { now: () => now * 1000, monotonic: () => 0 } }
  return { parts, signed, policy: module.compile(settingsOf(schema, { keys, ...settings }), parts) as Required<Pick<Policy, 'onRequest' | 'onRequestBody' | 'onDone'>> }
}

const covering = (names: readonly string[], parameters = `;created=${now};keyid="shop"`) => `sig=(${names.map((name) => `"${name}"`).join(' ')})${parameters}`
const plain = covering(['@method', '@target-uri'])
const signedBy = (input: string, more: ExchangeChanges = {}) =>
  exchangeOf({ ...more, headers: ['Host', 'api.example.com', ...(more.headers ?? []), 'Signature-Input', input, 'Signature', 'sig=:AAEC+/8=:'] })

async function outcome(exchange: Exchange, settings: Record<string, unknown> = {}, changes?: PartsChanges): Promise<string> {
  const result = (await policyOf(settings, changes).policy.onRequest(exchange)) as HookResult
  return result?.kind === 'refusal' ? result.code : 'passes'
}

test('a good signature says who is calling; what is checked is what was signed', async () => {
  const { policy, signed } = policyOf()
  const exchange = signedBy(plain, { method: 'POST', path: '/a', query: 'b=%7e', declaredBytes: 0 })
  assert.equal(await policy.onRequest(exchange), undefined)
  assert.equal(exchange.identity?.consumer, 'shop')
  assert.deepEqual(signed, [{ keyId: 'shop', signature: 'AAEC-_8', base: `"@method": POST\n"@target-uri": http://api.example.com/a?b=%7e\n"@signature-params": ("@method" "@target-uri");created=${now};keyid="shop"` }])
})

/** RFC 9421 §B.2: the request that its examples sign. */
const rfcRequest = (): Exchange =>
  exchangeOf({
    method: 'POST', path: '/foo', query: 'param=Value&Pet=dog', declaredBytes: 18,
    headers: ['Host', 'example.com', 'Date', 'Tue, 20 Apr 2021 02:07:55 GMT', 'Content-Type', 'application/json', 'Content-Length', '18'],
  })
const atExample = (exchange: Exchange): Exchange => ({ ...exchange, request: { ...exchange.request, host: 'example.com' } })

test('RFC 9421 §B.2.5: the base is the one of the example, and its HMAC fits', () => {
  const base = signatureBase(atExample(rfcRequest()), ['date', '@authority', 'content-type'], '("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"')!
  const shared = Buffer.from('uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==', 'base64')
  assert.equal(createHmac('sha256', shared).update(base, 'latin1').digest('base64'), 'pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=')
})

test('RFC 9421 §B.2.6: the base is the one of the example, and its Ed25519 signature fits', () => {
  const components = ['date', '@method', '@path', '@authority', 'content-type', 'content-length']
  const base = signatureBase(atExample(rfcRequest()), components, '("date" "@method" "@path" "@authority" "content-type" "content-length");created=1618884473;keyid="test-key-ed25519"')!
  const key = createPublicKey('-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAJrQLj5P/89iXES9+vFgrIy29clF9CC/oPPsw3c5D0bs=\n-----END PUBLIC KEY-----')
  assert.ok(verify(null, Buffer.from(base, 'latin1'), key, Buffer.from('wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw==', 'base64')))
})

test('each component is taken as RFC 9421 §2.1 and §2.2 say', () => {
  const exchange = exchangeOf({ method: 'GET', target: '/a//b?x=1', headers: ['Host', 'API.example.com:80', 'X-Twice', ' one ', 'x-twice', 'two\t', 'X-Empty', ''] })
  const base = (name: string) => signatureBase(exchange, [name], '()')?.split('\n')[0]
  assert.deepEqual(
    ['@method', '@scheme', '@authority', '@target-uri', '@request-target', '@path', '@query', 'x-twice', 'x-empty'].map(base),
    ['"@method": GET', '"@scheme": http', '"@authority": api.example.com', '"@target-uri": http://api.example.com/a//b?x=1', '"@request-target": /a//b?x=1', '"@path": /a//b', '"@query": ?x=1', '"x-twice": one, two', '"x-empty": '],
  )
  const bare = exchangeOf({ target: 'http://api.example.com', client: { scheme: 'https' }, headers: ['Host', 'api.example.com:8443'] })
  assert.equal(signatureBase(bare, ['@query', '@target-uri'], '()'), '"@query": ?\n"@target-uri": https://api.example.com:8443/\n"@signature-params": ()')
  for (const name of ['x-missing', '@status', '@query-param', 'signature', 'X-Twice']) assert.equal(signatureBase(exchange, [name], '()'), undefined, name)
  assert.equal(signatureBase(exchangeOf({ headers: ['Host', 'other.example.com'] }), ['@method'], '()'), undefined)
})

test('without a signature the client is told what to cover', async () => {
  const refusal = await refusalOf(policyOf({ requireNonce: true }).policy.onRequest(exchangeOf()))
  assert.equal(refusal.withoutCredential, true)
  assert.deepEqual(fieldValues(refusal.headers, 'WWW-Authenticate'), ['Signature realm="sluice"'])
  assert.deepEqual(fieldValues(refusal.headers, 'Accept-Signature'), ['sig=("@method" "@target-uri" "content-digest");created;keyid;nonce'])
})

const refused: readonly (readonly [string, string, Record<string, unknown>?])[] = [
  ['no key id', covering(['@method', '@target-uri'], `;created=${now}`)],
  ['a key that nobody has', covering(['@method', '@target-uri'], `;created=${now};keyid="other"`)],
  ['too little covered', covering(['@method'])],
  ['no time of its making', covering(['@method', '@target-uri'], ';keyid="shop"')],
  ['made too long ago', covering(['@method', '@target-uri'], `;created=${now - 300};keyid="shop"`)],
  ['made in the future', covering(['@method', '@target-uri'], `;created=${now + 31};keyid="shop"`)],
  ['expired', covering(['@method', '@target-uri'], `;created=${now};expires=${now};keyid="shop"`)],
  ["another algorithm than the key's", covering(['@method', '@target-uri'], `;created=${now};keyid="shop";alg="rsa-v1_5-sha256"`)],
  ['no nonce where one is needed', plain, { requireNonce: true }],
  ['no tag where one is needed', plain, { tag: 'gateway' }],
  ['a field covered that is not there', covering(['@method', '@target-uri', 'x-missing'])],
  ['what cannot be read', 'sig=("@method"'],
]
for (const [what, input, settings] of refused) {
  test(`refused without a check: ${what}`, async () => {
    const { policy, signed } = policyOf(settings)
    assert.equal((await refusalOf(policy.onRequest(signedBy(input)))).code, 'policy.unauthenticated')
    assert.deepEqual(signed, [])
  })
}

const passing: readonly (readonly [string, string, Record<string, unknown>?])[] = [
  ['clocks that differ a little', covering(['@method', '@target-uri'], `;created=${now + 30};keyid="shop"`)],
  ['the algorithm named as it is', covering(['@method', '@target-uri'], `;created=${now};keyid="shop";alg="hmac-sha256"`)],
  ['more covered than needed', covering(['host', '@target-uri', '@method'])],
  ['a tag as it is asked for', covering(['@method', '@target-uri'], `;created=${now};keyid="shop";tag="gateway"`), { tag: 'gateway' }],
  ['another signature before it', `other=("@path");created=${now};keyid="other", ${plain}`],
]
for (const [what, input, settings] of passing) test(`passes: ${what}`, async () => assert.equal(await outcome(signedBy(input), settings), 'passes'))

test('a bad signature is 401, one that could not be checked 503, too many 429', async () => {
  const with_ = (verdict: Verdict) => outcome(signedBy(plain), {}, { signature: async () => verdict })
  assert.equal(await with_({ outcome: 'invalid', reason: 'bad_signature' }), 'policy.unauthenticated')
  assert.equal(await with_({ outcome: 'unavailable', code: 'dependency.verifier_overloaded' }), 'dependency.verifier_overloaded')
  assert.equal(await with_({ outcome: 'throttled', retryAfterSeconds: 1 }), 'policy.too_many_attempts')
})

test('a nonce is good once, counted under its key, and only after the signature', async () => {
  const once = covering(['@method', '@target-uri'], `;created=${now};keyid="shop";nonce="n1"`)
  const taken = (admitted: boolean, decidedBy: 'counters' | 'closed' = 'counters') => ({ admitted, remaining: 0, resetMs: 0, retryAfterMs: 0, waitMs: 0, decidedBy })
  const { policy, parts } = policyOf({ maxAgeSeconds: 60, leewaySeconds: 5 })
  assert.equal(await policy.onRequest(signedBy(once)), undefined)
  assert.equal(parts.seen.length, 1)
  assert.deepEqual(parts.asked.limiters.map(({ burst, limit, windowSeconds, mode, failure }) => [burst, limit, windowSeconds, mode, failure]), [[1, 1, 65, 'exact', 'closed']])
  assert.equal(await outcome(signedBy(once), {}, { signature: async () => good, take: async () => taken(false) }), 'policy.unauthenticated')
  assert.equal(await outcome(signedBy(once), {}, { signature: async () => good, take: () => taken(false, 'closed') }), 'dependency.counters_unreachable')
  const bad = policyOf({}, { signature: async () => ({ outcome: 'invalid', reason: 'bad_signature' }) })
  await bad.policy.onRequest(signedBy(once))
  assert.deepEqual(bad.parts.seen, [])
})

const body = Buffer.from('{"hello": "world"}')
const digestOf = (algorithm: string) => createHash(algorithm).update(body).digest('base64')
const withDigest = (field: string, more: ExchangeChanges = {}) => signedBy(covering(['@method', '@target-uri', 'content-digest']), { method: 'POST', declaredBytes: body.length, headers: ['Content-Digest', field], ...more })

test('a body passes with the digest that was signed, piece by piece, and its last piece does not without', async () => {
  for (const field of [`sha-256=:${digestOf('sha256')}:`, `sha-512=:${digestOf('sha512')}:, sha-256=:${digestOf('sha256')}:`, `unixsum=:AAA=:,sha-256=:${digestOf('sha256')}:`]) {
    const { policy } = policyOf()
    const exchange = withDigest(field)
    assert.equal(await policy.onRequest(exchange), undefined, field)
    assert.equal(policy.onRequestBody(exchange, 5, body.subarray(0, 5)), undefined)
    assert.equal(policy.onRequestBody(exchange, body.length, body.subarray(5)), undefined)
  }
  const { policy } = policyOf()
  const exchange = withDigest(`sha-256=:${digestOf('sha256')}:`)
  await policy.onRequest(exchange)
  assert.equal(policy.onRequestBody(exchange, 5, body.subarray(0, 5)), undefined)
  assert.equal((await refusalOf(policy.onRequestBody(exchange, body.length, Buffer.from('"tampered": 1')))).code, 'policy.unauthenticated')
})

test('a signed digest that cannot be held against the body is refused', async () => {
  const sha256 = `sha-256=:${digestOf('sha256')}:`
  assert.equal(await outcome(withDigest(sha256, { declaredBytes: undefined, headers: ['Content-Digest', sha256] })), 'policy.unauthenticated')
  for (const field of ['unixsum=:AAA=:', 'nonsense', `sha-256=${digestOf('sha256')}`, '']) assert.equal(await outcome(withDigest(field)), 'policy.unauthenticated', field)
  assert.equal(await outcome(signedBy(plain, { method: 'POST', declaredBytes: 5 })), 'policy.unauthenticated', 'a body that is not covered')
})

test('of a request without a body no digest is asked, and one that is signed must be that of nothing', async () => {
  assert.equal(await outcome(signedBy(plain)), 'passes')
  const nothing = createHash('sha256').digest('base64')
  assert.equal(await outcome(withDigest(`sha-256=:${nothing}:`, { declaredBytes: 0, headers: ['Content-Digest', `sha-256=:${nothing}:`] })), 'passes')
  assert.equal(await outcome(withDigest('x', { declaredBytes: 0, headers: ['Content-Digest', `sha-256=:${digestOf('sha256')}:`] })), 'policy.unauthenticated')
})

test('keys and components that cannot be used are problems at check', () => {
  assert.match(problemsOf(schema, { keys: [{ keyId: 'a', algorithm: 'hmac-sha256', secret: 'short' }] })[0]!, /^keys\.0\.secret: the secret is shorter/)
  assert.match(problemsOf(schema, { keys: [{ keyId: 'a', algorithm: 'ed25519', pem: 'x' }] })[0]!, /^keys\.0\.pem: /)
  assert.match(problemsOf(schema, { keys: [...keys, ...keys] })[0]!, /stands twice/)
  assert.match(problemsOf(schema, { keys: [{ keyId: 'a', algorithm: 'hmac-sha256' }] })[0]!, /either "pem" or "secret"/)
  assert.match(problemsOf(schema, { keys, components: ['@status'] })[0]!, /one of @method/)
  assert.match(problemsOf(schema, { keys, components: ['Date'] })[0]!, /lower case/)
  assert.deepEqual(problemsOf(schema, { keys: [{ keyId: 'a', algorithm: 'hmac-sha256', secret: 'env:NOT_READ' }] }), [])
})
