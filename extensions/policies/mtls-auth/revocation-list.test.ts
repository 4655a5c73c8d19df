import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import fc from 'fast-check'
import { makeCertificate, makeRevocationList } from '@sluice/testkit'
import { readElements, readTime } from './der.ts'
import { readRevocationLists } from './revocation-list.ts'

const authority = makeCertificate({ subject: 'clients', isAuthority: true })
const other = makeCertificate({ subject: 'clients', isAuthority: true })
const revoked = makeCertificate({ issuer: authority })
const kept = makeCertificate({ issuer: authority })
const nextUpdate = new Date('2051-03-04T05:06:07Z')
const pem = makeRevocationList({ issuer: authority, revoked: [revoked], nextUpdate })
const der = Buffer.from(pem.replace(/-----[^-]+-----/g, ''), 'base64')
const asPem = (bytes: Uint8Array) => `-----BEGIN X509 CRL-----\n${Buffer.from(bytes).toString('base64')}\n-----END X509 CRL-----\n`
const serialOf = ({ cert }: { cert: string }) => new X509Certificate(cert).serialNumber

test('a list holds what was revoked, says when the next comes, and whose it is', () => {
  const [list] = readRevocationLists(pem)
  assert.deepEqual([list!.has(serialOf(revoked)), list!.has(serialOf(kept))], [true, false])
  assert.equal(list!.nextUpdateMs, nextUpdate.getTime())
  assert.deepEqual([list!.isSignedBy(new X509Certificate(authority.cert)), list!.isSignedBy(new X509Certificate(other.cert))], [true, false])
})

test('several lists stand in one file, and an empty one revokes nobody', () => {
  const lists = readRevocationLists(pem + makeRevocationList({ issuer: other }))
  assert.equal(lists.length, 2)
  assert.equal(lists[1]!.has(serialOf(revoked)), false)
})

test('a list of which a byte was changed cannot be read, or is not the authority\'s', () => {
  const certificate = new X509Certificate(authority.cert)
  for (let at = 0; at < der.length; at++) {
    const changed = Buffer.from(der)
    changed[at]! ^= 1
    let isGood = false
    try {
      isGood = readRevocationLists(asPem(changed)).some((list) => list.isSignedBy(certificate))
    } catch {
      // Not read at all.
    }
    assert.equal(isGood, false, `byte ${at}`)
  }
})

test('whatever bytes come, reading them ends, with a list or an error that says why', () => {
  const anything = fc.oneof(fc.uint8Array({ maxLength: 400 }), fc.tuple(fc.nat(der.length - 1), fc.nat(255)).map(([at, value]) => Buffer.concat([der.subarray(0, at), Buffer.from([value]), der.subarray(at + 1)])), fc.nat(der.length).map((end) => der.subarray(0, end)))
  fc.assert(
    fc.property(anything, (bytes) => {
      try {
        readRevocationLists(asPem(bytes.length === 0 ? Buffer.alloc(1) : bytes))
      } catch (error) {
        assert.ok(error instanceof RangeError, String(error))
      }
    }),
    { seed: 20_263, numRuns: 3000 },
  )
})

test('times of both kinds are read, and nothing else', () => {
  const time = (tag: number, text: string) => ({ tag, whole: Buffer.alloc(0), contents: Buffer.from(text) })
  assert.equal(readTime(time(0x17, '491231235959Z')), Date.parse('2049-12-31T23:59:59Z'))
  assert.equal(readTime(time(0x17, '500101000000Z')), Date.parse('1950-01-01T00:00:00Z'))
  assert.equal(readTime(time(0x18, '20510304050607Z')), Date.parse('2051-03-04T05:06:07Z'))
  for (const bad of [time(0x17, '20510304050607Z'), time(0x18, '510304050607Z'), time(0x17, '5103040506Z'), time(0x18, '20511304050607Z'), time(0x18, '20510304050607+0100')]) assert.throws(() => readTime(bad), RangeError)
})

test('a length that is indefinite, too long or beyond the end is none', () => {
  for (const hex of ['3080', '3085010203040501', '300201', '30', '1f0100', '30820100']) assert.throws(() => readElements(Buffer.from(hex, 'hex')), RangeError)
})
