import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { describe, it } from 'node:test'
import { makeCertificate } from '@sluice/testkit'
import { validateConfig } from './index.ts'
import { pointerOf, sentenceOf } from './problem.ts'

const dayMs = 86_400_000
const authority = makeCertificate({ subject: 'authority', isAuthority: true })
const good = makeCertificate({ names: ['a.example.com'], issuer: authority })
const other = makeCertificate({ names: ['b.example.com', 'a.example.com'] })
const expired = makeCertificate({ names: ['old.example.com'], validFrom: new Date(Date.now() - 2 * dayMs), validTo: new Date(Date.now() - dayMs) })
const early = makeCertificate({ names: ['new.example.com'], validFrom: new Date(Date.now() + dayMs) })
const nameless = makeCertificate()
const { privateKey: locked } = generateKeyPairSync('ec', {
  namedCurve: 'P-256',
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'x' },
})

const files: Readonly<Record<string, string>> = {
  'a.pem': good.cert + authority.cert, 'a.key': good.key, 'b.pem': other.cert, 'b.key': other.key, 'old.pem': expired.cert, 'old.key': expired.key,
  'new.pem': early.cert, 'new.key': early.key, 'nameless.pem': nameless.cert, 'nameless.key': nameless.key, 'locked.key': locked, 'notes.txt': 'buy milk',
  'broken.pem': `${good.cert}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n`, 'ca.pem': authority.cert,
}

async function check(document: object) {
  return validateConfig({ version: 1, ...document }, {
    baseDirectory: '/etc/sluice',
    environment: { CERT: good.cert, KEY: good.key },
    async readFile(path) {
      const content = files[path.replace('/etc/sluice/', '')]
      if (content === undefined) throw Object.assign(new Error('not there'), { code: 'ENOENT' })
      return content
    },
  })
}

const shown = (...certificates: [string, string][]) => ({ listeners: { https: { certificates: certificates.map(([certFile, keyFile]) => ({ certFile, keyFile })) } } })
const upstream = (tls: object, url = 'https://127.0.0.1:1') => ({ upstreams: { u: { endpoints: [{ url }], tls } } })

async function problemsIn(document: object): Promise<string[]> {
  return (await check(document)).problems.map((problem) => `${pointerOf(problem.path)}: ${sentenceOf(problem)}`)
}

async function warningsIn(document: object): Promise<string[]> {
  const { problems, warnings } = await check(document)
  assert.deepEqual(problems, [])
  return warnings.map(({ path, message }) => `${pointerOf(path)}: ${message}`)
}

describe('certificates are checked before they become a revision', () => {
  it('a good pair has no problem, and its contents stand beside the document', async () => {
    const found = await check(shown(['a.pem', 'a.key']))
    assert.deepEqual([found.problems, found.warnings], [[], []])
    assert.deepEqual(found.revision?.listeners, shown(['a.pem', 'a.key']).listeners)
    assert.deepEqual(Object.keys(found.revision?.secrets ?? {}), ['file:a.pem', 'file:a.key'])
    assert.equal(`${found.revision?.secrets?.['file:a.key']}\n`, good.key)
  })

  it('certificate and key may come from the environment', async () => {
    assert.deepEqual(await warningsIn(shown(['env:CERT', 'env:KEY'])), [])
  })

  it('a missing file is named where it stands, and nothing more is said of its pair', async () => {
    assert.deepEqual(await problemsIn(shown(['a.pem', 'a.key'], ['gone.pem', 'b.key'])), ['/listeners/https/certificates/1/certFile: there is no file "gone.pem"'])
  })

  it('a file that holds something else', async () => {
    assert.deepEqual(await problemsIn(shown(['notes.txt', 'notes.txt'])), [
      '/listeners/https/certificates/0/certFile: there is no certificate in "notes.txt"; expected PEM, which begins with "-----BEGIN CERTIFICATE-----"',
      '/listeners/https/certificates/0/keyFile: there is no private key in "notes.txt" that can be read; expected PEM, which begins with "-----BEGIN PRIVATE KEY-----"',
    ])
    assert.deepEqual(await problemsIn(shown(['broken.pem', 'a.key'])), ['/listeners/https/certificates/0/certFile: certificate 2 in "broken.pem" cannot be read (wrong tag)'])
  })

  it('a key that belongs to another certificate, and one with a passphrase', async () => {
    assert.deepEqual(await problemsIn(shown(['a.pem', 'b.key'])), ['/listeners/https/certificates/0/keyFile: the private key in "b.key" does not belong to the certificate in "a.pem"'])
    assert.deepEqual(await problemsIn(shown(['a.pem', 'locked.key'])), ['/listeners/https/certificates/0/keyFile: the private key in "locked.key" has a passphrase; expected a key without one'])
  })

  it('https without certificates', async () => {
    assert.match((await problemsIn({ listeners: { https: {} }, certificates: [] }))[0]!, /^\/listeners\/https: listeners.https has no certificate to show; expected one in "certificates"/)
    assert.deepEqual(await problemsIn({ listeners: { https: {} } }), [], 'the gateway may have one by its admin API')
    assert.match((await warningsIn({ listeners: { https: {} } }))[0]!, /has no certificate here/)
  })

  it('a certificate that has expired, is not valid yet, or stands for no name is a warning', async () => {
    const [first, second, third, ...more] = await warningsIn(shown(['old.pem', 'old.key'], ['new.pem', 'new.key'], ['nameless.pem', 'nameless.key']))
    assert.match(first!, /^\/listeners\/https\/certificates\/0\/certFile: the certificate in "old.pem" expired at 2\d{3}-/)
    assert.match(second!, /^\/listeners\/https\/certificates\/1\/certFile: the certificate in "new.pem" is not valid before 2\d{3}-/)
    assert.equal(third, '/listeners/https/certificates/2/certFile: the certificate in "nameless.pem" stands for no host name')
    assert.deepEqual(more, [])
  })

  it('a name that two certificates stand for is a warning', async () => {
    assert.deepEqual(await warningsIn(shown(['a.pem', 'a.key'], ['b.pem', 'b.key'])), ['/listeners/https/certificates/1/certFile: the certificate in "a.pem" stands for "a.example.com" too and comes first'])
  })

  it('an upstream\'s authority, client certificate and key', async () => {
    assert.deepEqual(await warningsIn(upstream({ caFile: 'ca.pem', clientCertFile: 'nameless.pem', clientKeyFile: 'nameless.key' })), [])
    assert.deepEqual(await problemsIn(upstream({ caFile: 'notes.txt' })), ['/upstreams/u/tls/caFile: there is no certificate in "notes.txt"; expected PEM, which begins with "-----BEGIN CERTIFICATE-----"'])
    assert.deepEqual(await problemsIn(upstream({ clientCertFile: 'a.pem', clientKeyFile: 'b.key' })), ['/upstreams/u/tls/clientKeyFile: the private key in "b.key" does not belong to the certificate in "a.pem"'])
    assert.deepEqual(await problemsIn(upstream({ clientCertFile: 'a.pem' })), ['/upstreams/u/tls: "tls": "clientCertFile" and "clientKeyFile" stand together'])
  })

  it('tls for endpoints without TLS is a warning', async () => {
    assert.deepEqual(await warningsIn(upstream({ caFile: 'ca.pem' }, 'http://127.0.0.1:1')), ['/upstreams/u/tls: no endpoint of "u" is spoken to over TLS: each URL begins with "http://"'])
  })

  it('HTTPS alone is a way in, and its address is nobody else\'s', async () => {
    const { https } = shown(['a.pem', 'a.key']).listeners
    assert.deepEqual(await warningsIn({ listeners: { http: false, https } }), [])
    assert.deepEqual(await problemsIn({ listeners: { http: { address: ':8443' }, https: { ...https, address: ':8443' } } }), ['/listeners/https/address: ":8443" is the address of listeners.http already; expected another address'])
  })

  it('no problem shows what a key file holds', async () => {
    const found = await check({ ...shown(['a.pem', 'a.key'], ['b.key', 'a.pem']), upstreams: { u: { tls: { clientCertFile: 'a.key', clientKeyFile: 'a.pem' } } } })
    assert.ok(found.problems.length > 2)
    for (const key of [good.key, other.key]) assert.ok(!JSON.stringify(found.problems).includes(key.split('\n')[1]!))
  })
})
