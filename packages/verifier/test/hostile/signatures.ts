/** Tokens whose signature does not fit. */
import { constants, createHash, createHmac, type KeyObject, privateEncrypt, sign } from 'node:crypto'
import { ec, ed, mint, otherRsa, part, rsa, sealHmac, sharedSecret } from '../minted-tokens.ts'
import { type HostileToken, hostile, type Minting, secretRules } from './minting.ts'

export function hostileSignatures(minting: Minting): HostileToken[] {
  return [...ofRsa(minting), ...ofCurves(minting), ...ofSecrets(minting)]
}

function ofRsa({ claims, parts, good }: Minting): HostileToken[] {
  const [header, payload, signature] = parts
  const input = `${header}.${payload}`
  const raw = Buffer.from(signature, 'base64url')
  const with_ = (what: string, bytes: Buffer) => hostile([[what, `${input}.${bytes.toString('base64url')}`, 'bad_signature']])
  const turned = Buffer.from(raw)
  turned[100]! ^= 1
  return [
    ...hostile([
      ['a signature by somebody else', mint(claims(), { alg: 'RS256', kid: 'r1' }, otherRsa.privateKey), 'bad_signature'],
      ['a signature by somebody else, without `kid`', mint(claims(), { alg: 'RS256' }, otherRsa.privateKey), 'bad_signature'],
      ['other claims under a good signature', `${header}.${part(claims({ sub: 'admin' }))}.${signature}`, 'bad_signature'],
      ['one claim more under a good signature', `${header}.${part(claims({ admin: true }))}.${signature}`, 'bad_signature'],
      ['another header under a good signature', `${part({ alg: 'RS256', kid: 'r1', typ: 'JWT' })}.${payload}.${signature}`, 'bad_signature'],
      ['the signature of another good token', `${input}.${mint(claims({ sub: 'other' })).split('.')[2]}`, 'bad_signature'],
      ['the signing input of another good token', `${mint(claims({ sub: 'other' })).split('.').slice(0, 2).join('.')}.${signature}`, 'bad_signature'],
      ['the whole token for a signature', `${input}.${Buffer.from(good).toString('base64url')}`, 'bad_signature'],
    ]),
    ...with_('half a signature', raw.subarray(0, 128)),
    ...with_('a signature short of a byte', raw.subarray(0, 255)),
    ...with_('a signature with a byte more', Buffer.concat([raw, Buffer.alloc(1)])),
    ...with_('a signature with a zero in front', Buffer.concat([Buffer.alloc(1), raw])),
    ...with_('one byte for a signature', Buffer.alloc(1)),
    ...with_('a signature with one bit turned', turned),
    ...with_('a signature of zeros', Buffer.alloc(256)),
    ...with_('a signature of ones, beyond the modulus', Buffer.alloc(256, 0xff)),
    ...with_('the number one for a signature', Buffer.concat([Buffer.alloc(255), Buffer.from([1])])),
    ...with_('a signature over SHA-512', sign('sha512', Buffer.from(input), rsa.privateKey)),
    ...with_('a signature over SHA-1', sign('sha1', Buffer.from(input), rsa.privateKey)),
    ...with_('a PSS signature', sign('sha256', Buffer.from(input), { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: 32 })),
    ...with_('the bare digest, encrypted (RFC 8017 §9.2 wants its name before it)', privateEncrypt(rsa.privateKey, createHash('sha256').update(input).digest())),
    ...with_('a signature over the payload only', sign('sha256', Buffer.from(payload), rsa.privateKey)),
  ]
}

function ofCurves({ claims, parts }: Minting): HostileToken[] {
  const es = `${part({ alg: 'ES256', kid: 'e1' })}.${parts[1]}`
  const eddsa = `${part({ alg: 'EdDSA', kid: 'd1' })}.${parts[1]}`
  const over = (input: string, what: string, bytes: Buffer) => hostile([[what, `${input}.${bytes.toString('base64url')}`, 'bad_signature']])
  const ecSign = (input: string, key: KeyObject = ec.privateKey, hash = 'sha256') => sign(hash, Buffer.from(input), { key, dsaEncoding: 'ieee-p1363' })
  const [good, edGood] = [ecSign(es), sign(null, Buffer.from(eddsa), ed.privateKey)]
  const order = Buffer.from('ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551', 'hex')
  return [
    ...over(es, 'ECDSA with r = s = 0 (CVE-2022-21449)', Buffer.alloc(64)),
    ...over(es, 'ECDSA with r = 0', Buffer.concat([Buffer.alloc(32), good.subarray(32)])),
    ...over(es, 'ECDSA with s = 0', Buffer.concat([good.subarray(0, 32), Buffer.alloc(32)])),
    ...over(es, 'ECDSA with r = s = the order', Buffer.concat([order, order])),
    ...over(es, 'ECDSA with all bits set', Buffer.alloc(64, 0xff)),
    ...over(es, 'ECDSA with r and s swapped', Buffer.concat([good.subarray(32), good.subarray(0, 32)])),
    ...over(es, 'ECDSA in DER in place of r and s', sign('sha256', Buffer.from(es), ec.privateKey)),
    ...over(es, 'ECDSA over another hash', ecSign(es, ec.privateKey, 'sha384')),
    ...over(es, 'ECDSA with a zero more', Buffer.concat([good, Buffer.alloc(1)])),
    ...over(es, 'half of an ECDSA signature', good.subarray(0, 32)),
    ...over(es, 'an EdDSA signature for ES256', sign(null, Buffer.from(es), ed.privateKey)),
    ...hostile([['other claims under a good ECDSA signature', `${part({ alg: 'ES256', kid: 'e1' })}.${part(claims({ sub: 'admin' }))}.${good.toString('base64url')}`, 'bad_signature']]),
    ...over(eddsa, 'EdDSA of zeros', Buffer.alloc(64)),
    ...over(eddsa, 'EdDSA with the identity for R and S = 0', Buffer.concat([Buffer.from([1]), Buffer.alloc(63)])),
    ...over(eddsa, 'EdDSA with S beyond the order (RFC 8032 §5.1.7)', plusOrder(edGood)),
    ...over(eddsa, 'EdDSA short of a byte', edGood.subarray(0, 63)),
    ...over(eddsa, 'EdDSA with a byte more', Buffer.concat([edGood, Buffer.alloc(1)])),
    ...hostile([['other claims under a good EdDSA signature', `${part({ alg: 'EdDSA', kid: 'd1' })}.${part(claims({ sub: 'admin' }))}.${edGood.toString('base64url')}`, 'bad_signature']]),
  ]
}

/** S + L in place of S: the same point, another spelling. */
function plusOrder(signature: Buffer): Buffer {
  const order = 2n ** 252n + 27742317777372353535851937790883648493n
  const s = BigInt(`0x${Buffer.from(signature.subarray(32)).reverse().toString('hex')}`) + order
  return Buffer.concat([signature.subarray(0, 32), Buffer.from(s.toString(16).padStart(64, '0'), 'hex').reverse()])
}

function ofSecrets({ parts }: Minting): HostileToken[] {
  const input = `${part({ alg: 'HS256' })}.${parts[1]}`
  const bad = (what: string, token: string) => hostile([[what, token, 'bad_signature', secretRules]])
  const good = createHmac('sha256', sharedSecret).update(input).digest()
  return [
    ...bad('HMAC with an empty secret', sealHmac(input, '')),
    ...bad('HMAC with the secret and a line break', sealHmac(input, `${sharedSecret}\n`)),
    ...bad('HMAC with the secret in upper case', sealHmac(input, sharedSecret.toUpperCase())),
    ...bad('HMAC cut to eight bytes', `${input}.AAAAAAAAAAA`),
    ...bad('HMAC cut to its first half', `${input}.${good.subarray(0, 16).toString('base64url')}`),
    ...bad('HMAC of zeros', `${input}.${Buffer.alloc(32).toString('base64url')}`),
    ...bad('HMAC with SHA-512', `${input}.${createHmac('sha512', sharedSecret).update(input).digest('base64url')}`),
    ...bad('HMAC in hexadecimal', `${input}.${Buffer.from(createHmac('sha256', sharedSecret).update(input).digest('hex')).toString('base64url')}`),
  ]
}
