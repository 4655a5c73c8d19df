import assert from 'node:assert/strict'
import { generateKeyPairSync, sign } from 'node:crypto'
import { after, suite, test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { createVerifier } from '@sluice/verifier'
import { LogoutTokens } from './logout-tokens.ts'
import { sessionOfIssuer, sessionOfSubject } from './session-names.ts'

const issuer = 'https://id.example'
const nowMs = Date.UTC(2027, 0, 1)
const now = nowMs / 1000
const { publicKey, privateKey } = generateKeyPairSync('ed25519')
const events = { 'http://schemas.openid.net/event/backchannel-logout': {} }
const good = { iss: issuer, aud: 'web', iat: now - 10, jti: 'one', events, sid: 's1', sub: 'alice' }

function mint(claims: object, header: object = {}): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const input = `${part({ alg: 'EdDSA', kid: 'a', typ: 'logout+jwt', ...header })}.${part(claims)}`
  return `${input}.${sign(null, Buffer.from(input), privateKey).toString('base64url')}`
}

suite("an issuer's word that sessions are over", () => {
  const verifier = createVerifier()
  after(() => verifier.close())
  const asked: string[] = []
  const keySet = async (uri: string, _insecure: boolean, unknownKid: string) => {
    asked.push(`${uri} ${unknownKid}`.trim())
    // The key has come only since the set was fetched first.
    return JSON.stringify({ keys: unknownKid === '' && asked.length > 1 ? [] : [{ ...publicKey.export({ format: 'jwk' }), kid: 'a' }] })
  }
  const tokens = new LogoutTokens({ verifier, clock: createFakeClock(nowMs), keySet })
  const check = (token: string) => tokens.check({ token, issuer, clientId: 'web', insecure: false, keySetAddress: `${issuer}/jwks` })

  test('ends the session that it names, whenever that began', async () => {
    assert.deepEqual(await check(mint(good)), { name: sessionOfIssuer(issuer, 's1'), beforeMs: Infinity })
  })

  test('without a session it ends all of its user that began before it, and none that began since', async () => {
    const { sid: _, ...ofUser } = good
    assert.deepEqual(await check(mint(ofUser)), { name: sessionOfSubject(issuer, 'alice'), beforeMs: nowMs })
    assert.deepEqual(await check(mint({ ...ofUser, iat: now - 200 })), { name: sessionOfSubject(issuer, 'alice'), beforeMs: nowMs - 170_000 })
  })

  test('a key that is not known yet is looked for', async () => {
    asked.push('the set is old')
    assert.ok('name' in (await check(mint(good))))
    assert.equal(asked.at(-1), `${issuer}/jwks a`)
  })

  const { sid: _, sub: __, ...nobody } = good
  const wrong: readonly (readonly [reason: string, claims: object, header?: object])[] = [
    ['too_old', { ...good, iat: now - 301 }],
    ['issued_in_future', { ...good, iat: now + 60 }],
    ['claim_missing', { ...good, jti: undefined }],
    ['claim_missing', { ...good, events: undefined }],
    ['no_logout_event', { ...good, events: {} }],
    ['no_logout_event', { ...good, events: { 'http://schemas.openid.net/event/backchannel-logout': 'yes' } }],
    ['nonce_present', { ...good, nonce: 'n' }],
    ['names_nobody', nobody],
    ['wrong_audience', { ...good, aud: 'another' }],
    ['wrong_issuer', { ...good, iss: 'https://id.example.org' }],
    ['header_bad_type', good, { typ: 'dpop+jwt' }],
    ['algorithm_not_allowed', good, { alg: 'HS256' }],
    ['key_unknown', good, { kid: 'b' }],
  ]
  for (const [reason, claims, header] of wrong) {
    test(`is refused: ${reason}, ${JSON.stringify(claims).length} characters of claims`, async () => {
      assert.deepEqual(await check(mint(claims, header)), { refusal: reason })
    })
  }
})
