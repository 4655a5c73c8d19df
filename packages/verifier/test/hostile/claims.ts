/** Tokens that are signed as they should be, and say what is not to be believed. */
import type { TokenRefusal } from '../../src/index.ts'
import { mint, sealRsa } from '../minted-tokens.ts'
import { type HostileToken, hostile, type Minting } from './minting.ts'

export function hostileClaims(minting: Minting): HostileToken[] {
  return [...unreadable(minting), ...dates(minting), ...parties(minting), ...required(minting)]
}

const nested = (depth: number) => `${'['.repeat(depth)}${']'.repeat(depth)}`
const shown = (value: unknown) => JSON.stringify(value) ?? 'nothing'

function unreadable({ good, parts }: Minting): HostileToken[] {
  const written = (what: string, text: string, reason: TokenRefusal) => hostile([[what, mint(text), reason]])
  const bytes = (values: readonly number[]) => sealRsa(`${parts[0]}.${Buffer.from(values).toString('base64url')}`)
  return [
    ...written('a payload that is not JSON', 'sub=acme', 'payload_not_json'),
    ...written('a payload that breaks off', '{"sub":"acme"', 'payload_not_json'),
    ...written('two payloads in one', '{"sub":"acme"}{"sub":"admin"}', 'payload_not_json'),
    ...written('a payload with the number NaN', '{"exp":NaN}', 'payload_not_json'),
    ...written('a payload that is a token (nested)', good, 'payload_not_json'),
    ...['"acme"', '[]', 'null', '17', 'true', JSON.stringify(good)].flatMap((text) => written(`a payload that is ${text.slice(0, 10)}`, text, 'payload_not_object')),
    ...hostile([
      ['a payload that is not UTF-8', bytes([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]), 'payload_not_json'],
      ['a payload with half a surrogate pair in UTF-8', bytes([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]), 'payload_not_json'],
      ['a payload behind a byte order mark', bytes([0xef, 0xbb, 0xbf, 0x7b, 0x7d]), 'payload_not_json'],
    ]),
    ...['sub', 'exp', 'iss', 'aud', '__proto__'].flatMap((name) => written(`\`${name}\` twice`, `{"${name}":"a","${name}":"b"}`, 'payload_duplicate_member')),
    ...written('`sub` twice, once in escapes', '{"sub":"acme","\\u0073ub":"admin"}', 'payload_duplicate_member'),
    ...written('a member twice, deep inside', '{"realm":[{"roles":{"a":1,"b":2,"a":3}}]}', 'payload_duplicate_member'),
    ...written('lists nested four thousand deep', `{"a":${nested(4000)}}`, 'wrong_issuer'),
    ...written('maps nested a thousand deep', `${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`, 'wrong_issuer'),
    ...written('claims that only the prototype has', '{"__proto__":{"iss":"https://id.example","aud":"api","sub":"acme"}}', 'wrong_issuer'),
  ]
}

function dates({ now, claims }: Minting): HostileToken[] {
  const unusable = ['"9999999999"', 'null', 'true', '[9999999999]', '{}', '1e999', '-1e999', '"NaN"'].flatMap((value) =>
    ['exp', 'nbf', 'iat'].flatMap((name) => hostile([[`the \`${name}\` ${value}`, mint(`{"iss":"https://id.example","aud":"api","sub":"a","${name}":${value}}`), 'payload_bad_date']])),
  )
  const wrong = (what: string, members: object, reason: TokenRefusal) => hostile([[what, mint(claims(members)), reason]])
  return [
    ...unusable,
    ...wrong('expired a second ago', { exp: now - 1 }, 'expired'),
    ...wrong('expires this very second', { exp: now }, 'expired'),
    ...wrong('expired half a second ago', { exp: now - 0.5 }, 'expired'),
    ...wrong('expired when time began', { exp: 0 }, 'expired'),
    ...wrong('expired before time began', { exp: -1 }, 'expired'),
    ...wrong('expired as far back as numbers go', { exp: -Number.MAX_VALUE }, 'expired'),
    ...wrong('valid from an hour on', { nbf: now + 3600 }, 'not_yet_valid'),
    ...wrong('valid when numbers end', { nbf: Number.MAX_VALUE }, 'not_yet_valid'),
    ...wrong('valid from milliseconds taken for seconds on', { nbf: now * 1000 }, 'not_yet_valid'),
    ...wrong('issued in an hour', { iat: now + 3600 }, 'issued_in_future'),
  ]
}

function parties({ claims, without }: Minting): HostileToken[] {
  const issuers = [
    'https://id.example.evil', 'https://id.example/', 'https://ID.example', 'https://id.example ', 'http://id.example', 'https://evil@id.example', 'https://id.example\0', 'https://іd.example', '',
    ['https://id.example'], { iss: 'https://id.example' }, null, 1,
  ]
  const audiences = ['billing', 'api-admin', 'API', 'api ', 'ap', '', [], [['api']], ['billing', 'web'], { 0: 'api' }, null, 1, true]
  return [
    ...issuers.flatMap((iss) => hostile([[`the issuer ${shown(iss)}`, mint(claims({ iss })), 'wrong_issuer']])),
    ...audiences.flatMap((aud) => hostile([[`the audience ${shown(aud)}`, mint(claims({ aud })), 'wrong_audience']])),
    ...hostile([
      ['no issuer', mint(without('iss')), 'wrong_issuer'],
      ['no audience', mint(without('aud')), 'wrong_audience'],
    ]),
  ]
}

function required({ claims, good }: Minting): HostileToken[] {
  return hostile([
    ['a required claim is missing', good, 'claim_missing', { requiredClaims: ['tenant'] }],
    ['a required claim is null', mint(claims({ tenant: null })), 'claim_missing', { requiredClaims: ['tenant'] }],
    ['a required claim that only the prototype has', good, 'claim_missing', { requiredClaims: ['constructor'] }],
    ['a required claim has another value', mint(claims({ tenant: 'b' })), 'claim_mismatch', { requiredClaims: { tenant: 'a' } }],
    ['a required claim has the value in another case', mint(claims({ tenant: 'A' })), 'claim_mismatch', { requiredClaims: { tenant: 'a' } }],
    ['a required claim has the value as a text', mint(claims({ level: '3' })), 'claim_mismatch', { requiredClaims: { level: 3 } }],
    ['a required claim has the value inside', mint(claims({ tenant: { a: 'a' } })), 'claim_mismatch', { requiredClaims: { tenant: 'a' } }],
    ['a required claim is a list without the value', mint(claims({ tenant: ['b', ['a']] })), 'claim_mismatch', { requiredClaims: { tenant: 'a' } }],
    ['a required claim is "true" where true is asked for', mint(claims({ trusted: 'true' })), 'claim_mismatch', { requiredClaims: { trusted: true } }],
  ])
}

