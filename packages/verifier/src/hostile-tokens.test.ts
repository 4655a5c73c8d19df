import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { createTokenChecker, createVerifier, type TokenRefusal, type TokenRules, type Verifier } from './index.ts'
import {
  issuer, jwk, mint, nowSeconds, otherRsa, part, plainClaims, plainRules, rsa, sealHmac, sealRsa, secretKeys, sharedSecret,
} from '../test/minted-tokens.ts'

const good = mint()
const [goodHeader, goodPayload, goodSignature] = good.split('.') as [string, string, string]
const header = (members: object) => ({ alg: 'RS256', kid: 'r1', ...members })
const claims = (members: object) => ({ ...plainClaims, ...members })
const without = (name: string) => Object.fromEntries(Object.entries(plainClaims).filter(([member]) => member !== name))
const rsaPem = rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString()
const rsaDer = rsa.publicKey.export({ format: 'der', type: 'spki' })
const bytes = (...values: (string | number[])[]) => Buffer.concat(values.map((value) => Buffer.from(value as string))).toString('base64url')
const ecToken = (signature: Buffer) => `${part({ alg: 'ES256', kid: 'e1' })}.${part(plainClaims)}.${signature.toString('base64url')}`
/** The same bytes spelt with the unused low bits of the last character set. */
const strayBits = (text: string) => text.slice(0, -1) + String.fromCharCode(text.charCodeAt(text.length - 1) + 1)
const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`

const hostile: readonly (readonly [what: string, token: string, reason: TokenRefusal, rules?: Partial<TokenRules>])[] = [
  // Shape
  ['nothing at all', '', 'token_not_compact'],
  ['two dots', '..', 'token_unsigned'],
  ['one part', goodHeader, 'token_not_compact'],
  ['two parts', `${goodHeader}.${goodPayload}`, 'token_not_compact'],
  ['four parts', `${good}.AAAA`, 'token_not_compact'],
  ['five parts, as encrypted tokens have', `${goodHeader}.AA.AA.AA.AA`, 'token_not_compact'],
  ['more than 16 KiB', mint(claims({ padding: 'x'.repeat(16_384) })), 'token_too_large'],
  ['JSON serialisation', JSON.stringify({ payload: goodPayload, signatures: [] }), 'token_not_compact'],
  ['no signature', `${goodHeader}.${goodPayload}.`, 'token_unsigned'],
  // Spelling
  ['padding', `${goodHeader}.${goodPayload}=.${goodSignature}`, 'token_bad_base64url'],
  ['plain base64 in place of base64url', `${goodHeader}.${goodPayload}.${goodSignature.replaceAll('-', '+').replaceAll('_', '/')}+`, 'token_bad_base64url'],
  ['a space in front', ` ${good}`, 'token_bad_base64url'],
  ['a line break behind', `${good}\n`, 'token_bad_base64url'],
  ['a NUL in the middle', `${goodHeader}.${goodPayload}\0.${goodSignature}`, 'token_bad_base64url'],
  ['letters outside ASCII', `${goodHeader}.${goodPayload}é.${goodSignature}`, 'token_bad_base64url'],
  ['stray bits at the end of the signature', `${goodHeader}.${goodPayload}.${strayBits(goodSignature)}`, 'token_bad_base64url'],
  ['a length that base64 never has', `${goodHeader}.${goodPayload}.AAAAA`, 'token_bad_base64url'],
  // Header
  ['a header that is not JSON', mint(plainClaims, '{"alg":'), 'header_not_json'],
  ['a header that is not UTF-8', sealRsa(`${bytes('{"alg":"RS256","kid":"', [0xff, 0xfe], '"}')}.${goodPayload}`), 'header_not_json'],
  ['a header behind a byte order mark', sealRsa(`${bytes([0xef, 0xbb, 0xbf], '{"alg":"RS256"}')}.${goodPayload}`), 'header_not_json'],
  ['a header that is a list', mint(plainClaims, ['RS256']), 'header_not_object'],
  ['a header that is null', mint(plainClaims, 'null'), 'header_not_object'],
  ['`alg` twice', mint(plainClaims, '{"alg":"none","alg":"RS256","kid":"r1"}'), 'header_duplicate_member'],
  ['`alg` twice, once in escapes', mint(plainClaims, '{"\\u0061lg":"none","alg":"RS256","kid":"r1"}'), 'header_duplicate_member'],
  ['no `alg`', mint(plainClaims, { kid: 'r1' }), 'header_no_algorithm'],
  ['an `alg` that is a list', mint(plainClaims, { alg: ['RS256'], kid: 'r1' }), 'header_no_algorithm'],
  ['an empty `alg`', mint(plainClaims, { alg: '' }), 'header_no_algorithm'],
  ['`crit` with an extension', mint(plainClaims, header({ crit: ['b64'], b64: false })), 'header_critical'],
  ['an empty `crit`', mint(plainClaims, header({ crit: [] })), 'header_critical'],
  ['`b64: false` without `crit`', mint(plainClaims, header({ b64: false })), 'header_unencoded_payload'],
  ['a key of its own (`jwk`)', mint(plainClaims, header({ jwk: jwk(otherRsa.publicKey, {}) }), otherRsa.privateKey), 'header_brings_key'],
  ['an address of keys (`jku`)', mint(plainClaims, header({ jku: 'https://evil.example/jwks' }), otherRsa.privateKey), 'header_brings_key'],
  ['an address of a certificate (`x5u`)', mint(plainClaims, header({ x5u: 'https://evil.example/cert' })), 'header_brings_key'],
  ['a certificate (`x5c`)', mint(plainClaims, header({ x5c: ['MIIB'] })), 'header_brings_key'],
  ['a `kid` that is an object', mint(plainClaims, { alg: 'RS256', kid: { $ne: '' } }), 'header_bad_kid'],
  ['a `kid` of 257 characters', mint(plainClaims, { alg: 'RS256', kid: 'k'.repeat(257) }), 'header_bad_kid'],
  ['a `typ` that is a number', mint(plainClaims, header({ typ: 1 })), 'header_bad_type'],
  ['a log-out token of the same issuer', mint(plainClaims, header({ typ: 'logout+jwt' })), 'header_bad_type'],
  ['a security event of the same issuer', mint(plainClaims, header({ typ: 'application/secevent+JWT' })), 'header_bad_type'],
  // Algorithm
  ['`none`', `${part({ alg: 'none' })}.${goodPayload}.AAAA`, 'algorithm_unknown'],
  ['`NoNe`', `${part({ alg: 'NoNe' })}.${goodPayload}.AAAA`, 'algorithm_unknown'],
  ['lower-case `rs256`', mint(plainClaims, header({ alg: 'rs256' })), 'algorithm_unknown'],
  ['the name of an object member as `alg`', mint(plainClaims, header({ alg: 'constructor' })), 'algorithm_unknown'],
  ['ES256K', mint(plainClaims, header({ alg: 'ES256K' })), 'algorithm_unknown'],
  ['HMAC with the public key in PEM as the secret', sealHmac(`${part(header({ alg: 'HS256' }))}.${goodPayload}`, rsaPem), 'algorithm_not_allowed'],
  ['HMAC with the public key in DER, where HS256 is allowed', sealHmac(`${part(header({ alg: 'HS256' }))}.${goodPayload}`, rsaDer), 'key_unknown', { algorithms: ['RS256', 'HS256'] }],
  ['an algorithm that the rules leave out', mint(plainClaims, header({ alg: 'RS512' })), 'algorithm_not_allowed'],
  ['RS256 over the key of another type', mint(plainClaims, { alg: 'RS256', kid: 'e1' }), 'key_unknown'],
  ['ES256 over the key of another type', mint(plainClaims, { alg: 'ES256', kid: 'r1' }), 'key_unknown'],
  ['a `kid` that the issuer does not have', mint(plainClaims, header({ kid: 'r9' }), otherRsa.privateKey), 'key_unknown'],
  ['a `kid` that is a path', mint(plainClaims, header({ kid: '../../../../dev/null' })), 'key_unknown'],
  ['a `kid` that is SQL', mint(plainClaims, header({ kid: "' OR 1=1 --" })), 'key_unknown'],
  // Signature
  ['a signature by somebody else', mint(plainClaims, header({}), otherRsa.privateKey), 'bad_signature'],
  ['a signature by somebody else, without `kid`', mint(plainClaims, { alg: 'RS256' }, otherRsa.privateKey), 'bad_signature'],
  ['other claims under a good signature', `${goodHeader}.${part(claims({ sub: 'admin' }))}.${goodSignature}`, 'bad_signature'],
  ['another header under a good signature', `${part(header({ typ: 'JWT' }))}.${goodPayload}.${goodSignature}`, 'bad_signature'],
  ['half a signature', `${goodHeader}.${goodPayload}.${goodSignature.slice(0, 172)}`, 'bad_signature'],
  ['a signature of zeros', `${goodHeader}.${goodPayload}.${Buffer.alloc(256).toString('base64url')}`, 'bad_signature'],
  ['ECDSA with r = s = 0 (CVE-2022-21449)', ecToken(Buffer.alloc(64)), 'bad_signature'],
  ['ECDSA in DER in place of r and s', ecToken(Buffer.concat([Buffer.from([0x30, 0x44]), Buffer.alloc(68, 1)])), 'bad_signature'],
  ['HMAC with an empty secret', sealHmac(`${part({ alg: 'HS256' })}.${goodPayload}`, ''), 'bad_signature', { algorithms: ['HS256'] }],
  ['HMAC cut to eight bytes', `${part({ alg: 'HS256' })}.${goodPayload}.AAAAAAAAAAA`, 'bad_signature', { algorithms: ['HS256'] }],
  // Payload
  ['a payload that is not JSON', mint('sub=acme'), 'payload_not_json'],
  ['a payload that is a text', mint('"acme"'), 'payload_not_object'],
  ['a payload that is a list', mint([plainClaims]), 'payload_not_object'],
  ['a payload that is a token (nested)', mint(good), 'payload_not_json'],
  ['`sub` twice', mint(`{"sub":"acme","iss":"https://id.example","aud":"api","sub":"admin"}`), 'payload_duplicate_member'],
  ['a member twice, deep inside', mint(`{"realm":[{"roles":{"a":1,"b":2,"a":3}}]}`), 'payload_duplicate_member'],
  ['lists nested four thousand deep', mint(`{"a":${nested(4000)}}`), 'wrong_issuer'],
  ['an `exp` that is a text', mint(claims({ exp: '9999999999' })), 'payload_bad_date'],
  ['an `exp` that is null', mint(claims({ exp: null })), 'payload_bad_date'],
  ['an infinite `exp`', mint(`{"iss":"https://id.example","aud":"api","exp":1e999}`), 'payload_bad_date'],
  ['an `nbf` that is an object', mint(claims({ nbf: {} })), 'payload_bad_date'],
  // Claims
  ['expired a second ago', mint(claims({ exp: nowSeconds - 1 })), 'expired'],
  ['expires this very second', mint(claims({ exp: nowSeconds })), 'expired'],
  ['valid from the next second on', mint(claims({ nbf: nowSeconds + 1 })), 'not_yet_valid'],
  ['issued in the next second', mint(claims({ iat: nowSeconds + 1 })), 'issued_in_future'],
  ['another issuer', mint(claims({ iss: 'https://id.example.evil' })), 'wrong_issuer'],
  ['the issuer with a slash behind', mint(claims({ iss: 'https://id.example/' })), 'wrong_issuer'],
  ['the issuer as a list', mint(claims({ iss: ['https://id.example'] })), 'wrong_issuer'],
  ['no issuer', mint(without('iss')), 'wrong_issuer'],
  ['another audience', mint(claims({ aud: 'billing' })), 'wrong_audience'],
  ['no audience', mint(without('aud')), 'wrong_audience'],
  ['an audience that contains the name', mint(claims({ aud: 'api-admin' })), 'wrong_audience'],
  ['an empty list of audiences', mint(claims({ aud: [] })), 'wrong_audience'],
  ['an audience that is an object', mint(claims({ aud: { 0: 'api' } })), 'wrong_audience'],
  ['a required claim is missing', mint(), 'claim_missing', { requiredClaims: ['tenant'] }],
  ['a required claim is null', mint(claims({ tenant: null })), 'claim_missing', { requiredClaims: ['tenant'] }],
  ['a required claim that only the prototype has', mint(), 'claim_missing', { requiredClaims: ['constructor'] }],
  ['a required claim has another value', mint(claims({ tenant: 'b' })), 'claim_mismatch', { requiredClaims: { tenant: 'a' } }],
  ['a required claim has another type', mint(claims({ level: '3' })), 'claim_mismatch', { requiredClaims: { level: 3 } }],
]

suite('hostile tokens', () => {
  let verifier: Verifier
  before(() => {
    verifier = createVerifier()
  })
  after(() => verifier.close())

  const check = async (token: string, rules: Partial<TokenRules> = {}) => {
    const clock = createFakeClock(nowSeconds * 1000)
    const keys = rules.algorithms?.[0] === 'HS256' ? secretKeys : issuer
    return createTokenChecker({ rules: { ...plainRules, ...rules }, keys, verifier, clock }).check(token)
  }

  for (const [what, token, reason, rules] of hostile) {
    test(`refused: ${what}`, async () => {
      assert.deepEqual(await check(token, rules), { outcome: 'invalid', reason })
    })
  }

  test('the tokens that the hostile ones are made from are good', async () => {
    assert.equal((await check(good)).outcome, 'valid')
    assert.equal((await check(sealHmac(`${part({ alg: 'HS256' })}.${goodPayload}`, sharedSecret), { algorithms: ['HS256'] })).outcome, 'valid')
  })

  test('every bit of a good token counts', async () => {
    const raw = Buffer.from(good)
    for (let at = 0; at < raw.length; at += 7) {
      const turned = Buffer.from(raw)
      turned[at]! ^= 1 << at % 7
      assert.equal((await check(turned.toString('latin1'))).outcome, 'invalid', `a bit of byte ${at} turned`)
    }
  })
})
