import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { makeCertificate, type MadeCertificate } from '@sluice/testkit'
import { CertificateProblem, compileCertificates } from './certificate-table.ts'

const settings = (...made: MadeCertificate[]) => ({ minVersion: '1.3' as const, certificates: made.map(({ cert, key }) => ({ certFile: cert, keyFile: key })) })

const first = makeCertificate({ names: ['a.example.com'] })
const wild = makeCertificate({ names: ['*.example.com'] })
const exact = makeCertificate({ names: ['b.example.com', 'a.example.com'] })

describe('the certificate for a name', () => {
  const table = compileCertificates(settings(first, wild, exact))
  const indexFor = (name: string) => table.compiled.findIndex(({ context }) => context === table.contextFor(name))

  it('is the exact one before a wildcard, and the first of two that claim it', () => {
    assert.equal(indexFor('b.example.com'), 2)
    assert.equal(indexFor('B.Example.com.'), 2)
    assert.equal(indexFor('a.example.com'), 0)
    assert.equal(indexFor('c.example.com'), 1)
  })

  it('is the first when nothing fits: a wildcard stands for one label', () => {
    for (const name of ['c.d.example.com', 'example.com', 'localhost', '127.0.0.1', '', '.']) assert.equal(indexFor(name), 0, name)
  })
})

describe('compiled certificates', () => {
  it('keep their contexts in the next revision when nothing about them changed', () => {
    const before = compileCertificates(settings(first, wild))
    const context = before.contextFor('a.example.com')
    const after = compileCertificates(settings(exact, first), before)
    assert.equal(after.compiled[1]!.context, context)
    assert.notEqual(compileCertificates({ ...settings(first), minVersion: '1.2' }, before).compiled[0]!.context, context)
  })

  it('tell when they end, under their first name, else their subject', () => {
    const validTo = new Date('2031-02-03T04:05:06Z')
    const { ends } = compileCertificates(settings(makeCertificate({ names: ['a.example.com', 'b.example.com'], validTo }), makeCertificate({ subject: 'nobody' })))
    assert.deepEqual([ends[0]!.name, ends[0]!.endsAtMs], ['a.example.com', validTo.getTime()])
    assert.equal(ends[1]!.name, 'CN=nobody')
  })

  it('that cannot be used are named by their place, without what they hold', () => {
    const problemOf = (made: Pick<MadeCertificate, 'cert' | 'key'>): CertificateProblem => {
      try {
        compileCertificates(settings(first, made as MadeCertificate))
      } catch (error) {
        assert.ok(error instanceof CertificateProblem)
        return error
      }
      throw new Error('it was taken')
    }
    assert.equal(problemOf({ cert: 'cert.pem', key: first.key }).pointer, '/listeners/https/certificates/1/certFile')
    assert.equal(problemOf({ cert: first.cert, key: 'key.pem' }).pointer, '/listeners/https/certificates/1/keyFile')
    const mismatch = problemOf({ cert: first.cert, key: wild.key })
    assert.equal(mismatch.message, 'the private key does not belong to the certificate')
    assert.equal(mismatch.pointer, '/listeners/https/certificates/1/keyFile')
  })
})
