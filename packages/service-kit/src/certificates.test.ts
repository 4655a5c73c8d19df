import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { describe, it } from 'node:test'
import { makeCertificate } from './certificates.ts'

describe('a certificate made for a test', () => {
  it('stands for its names and belongs to its key', () => {
    const made = makeCertificate({ names: ['a.example.com', '*.b.example.com', '127.0.0.1'] })
    const read = new X509Certificate(made.cert)
    assert.equal(read.subjectAltName, 'DNS:a.example.com, DNS:*.b.example.com, IP Address:127.0.0.1')
    assert.equal(read.subject, 'CN=a.example.com')
    assert.ok(read.checkPrivateKey(made.privateKey))
    assert.ok(read.verify(read.publicKey))
    assert.ok(Date.parse(read.validTo) > Date.now() && Date.parse(read.validFrom) < Date.now())
  })

  it('is signed by its authority', () => {
    const authority = makeCertificate({ subject: 'authority', isAuthority: true })
    const issuer = new X509Certificate(authority.cert)
    const read = new X509Certificate(makeCertificate({ names: ['a.example.com'], issuer: authority }).cert)
    assert.ok(issuer.ca && !read.ca)
    assert.ok(read.checkIssued(issuer) && read.verify(issuer.publicKey))
  })

  it('can have expired', () => {
    const read = new X509Certificate(makeCertificate({ validTo: new Date(Date.now() - 60_000) }).cert)
    assert.ok(Date.parse(read.validTo) < Date.now())
  })
})
