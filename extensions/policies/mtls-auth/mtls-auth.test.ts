import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { makeCertificate, makeRevocationList, type MadeCertificate } from '@sluice/testkit'
import { exchangeOf, identityOf, partsFor, type PartsChanges, refusalOf } from '../exchange.contract.ts'
import type { ClientCertificate } from '../exchange.ts'
import { policyContract, settingsOf } from '../policy.contract.ts'
import type { Verdict } from '../policy.ts'
import * as module from './mtls-auth.ts'
import { schema } from './schema.ts'

const authority = makeCertificate({ subject: 'clients', isAuthority: true })
const between = makeCertificate({ subject: 'between', isAuthority: true, issuer: authority })
const stranger = makeCertificate({ subject: 'clients', isAuthority: true })
const acme = makeCertificate({ subject: 'Acme', names: ['acme.example.com'], uris: ['spiffe://example.com/acme'], issuer: authority })

policyContract({ schema, module, from: import.meta.url, examples: [{ caFile: authority.cert }], required: 'caFile' })

const shown = (...chain: MadeCertificate[]): ClientCertificate => ({ chain: chain.map(({ cert }) => new X509Certificate(cert)), problem: undefined })
const good: Verdict = { outcome: 'valid', identity: identityOf({ method: 'mtls-auth' }) }

function policyWith(settings: Record<string, unknown> = {}, changes: PartsChanges & { now?: () => number } = {}) {
  const parts = { ...partsFor('mtls-auth', { verdict: good, ...changes }), clock: { now: changes.now ?? Date.now, monotonic: () => 0 } }
  return { parts, policy: module.compile(settingsOf(schema, { caFile: authority.cert, ...settings }), parts) }
}

function ask(clientCertificate: ClientCertificate | undefined, settings: Record<string, unknown> = {}, changes: PartsChanges & { now?: () => number } = {}) {
  const exchange = exchangeOf({ clientCertificate })
  const { parts, policy } = policyWith(settings, changes)
  return { exchange, parts, result: policy.onRequest!(exchange) }
}

test('a certificate of the authority says who is calling, by its URI before its other names', () => {
  const { exchange, parts, result } = ask(shown(acme))
  assert.equal(result, undefined)
  assert.equal(exchange.identity?.method, 'mtls-auth')
  assert.deepEqual(parts.seen, ['spiffe://example.com/acme'])
})

test('the name may be the DNS name where there is no URI, or the common name of the subject', () => {
  assert.deepEqual(ask(shown(makeCertificate({ names: ['acme.example.com'], issuer: authority }))).parts.seen, ['acme.example.com'])
  assert.deepEqual(ask(shown(acme), { consumerFrom: 'subject' }).parts.seen, ['Acme'])
})

test('a consumer that has to be looked up is waited for', async () => {
  const { exchange, result } = ask(shown(acme), {}, { verdict: async () => good })
  assert.ok(result instanceof Promise)
  assert.equal(await result, undefined)
  assert.equal(exchange.identity?.consumer, 'acme')
})

test('without a certificate nothing was tried', async () => {
  const refusal = await refusalOf(ask(undefined).result)
  assert.deepEqual([refusal.code, refusal.withoutCredential], ['policy.unauthenticated', true])
})

for (const [name, certificate] of [
  ['of an authority of the same name', shown(makeCertificate({ names: ['acme.example.com'], issuer: stranger }))],
  ['that signs itself', shown(makeCertificate({ names: ['acme.example.com'] }))],
  ['that TLS did not accept', { ...shown(acme), problem: 'CERT_HAS_EXPIRED' }],
  ['without a name', shown(makeCertificate({ subject: 'Acme', issuer: authority }))],
  ['of somebody who is no authority', shown(makeCertificate({ names: ['evil.example.com'], issuer: acme }), acme)],
] as const) {
  test(`a certificate ${name} is refused`, async () => {
    const { result, parts } = ask(certificate)
    const refusal = await refusalOf(result)
    assert.deepEqual([refusal.code, refusal.withoutCredential], ['policy.unauthenticated', undefined])
    assert.deepEqual(parts.seen, [], 'nobody was asked about it')
  })
}

test('an authority in between is shown with the certificate', async () => {
  const client = makeCertificate({ names: ['acme.example.com'], issuer: between })
  assert.equal(ask(shown(client, between)).result, undefined)
  assert.equal((await refusalOf(ask(shown(client)).result)).code, 'policy.unauthenticated')
})

test('a certificate that ends while its connection goes on is refused from then on', async () => {
  let now = Date.now()
  const certificate = shown(makeCertificate({ names: ['acme.example.com'], issuer: authority, validTo: new Date(now + 60_000) }))
  const { policy } = policyWith({}, { now: () => now })
  assert.equal(policy.onRequest!(exchangeOf({ clientCertificate: certificate })), undefined)
  now += 61_000
  assert.equal((await refusalOf(policy.onRequest!(exchangeOf({ clientCertificate: certificate })))).code, 'policy.unauthenticated')
})

test('a revoked certificate is refused, others of its authority are not', async () => {
  const other = makeCertificate({ names: ['other.example.com'], issuer: authority })
  const crlFile = makeRevocationList({ issuer: authority, revoked: [acme] })
  assert.equal((await refusalOf(ask(shown(acme), { crlFile }).result)).code, 'policy.unauthenticated')
  assert.equal(ask(shown(other), { crlFile }).result, undefined)
})

test('where lists are asked for, an authority without one, with a false or an old one lets nobody in', async () => {
  const forged = makeRevocationList({ issuer: stranger })
  const elsewhere = makeRevocationList({ issuer: between })
  const old = makeRevocationList({ issuer: authority, nextUpdate: new Date(Date.now() - 1000) })
  for (const crlFile of [forged, elsewhere, old]) assert.equal((await refusalOf(ask(shown(acme), { crlFile }).result)).code, 'dependency.revocation_list_stale')
})

test('an authority in between that was revoked takes its clients with it', async () => {
  const client = makeCertificate({ names: ['acme.example.com'], issuer: between })
  const crlFile = makeRevocationList({ issuer: between }) + makeRevocationList({ issuer: authority, revoked: [between] })
  assert.equal((await refusalOf(ask(shown(client, between), { crlFile }).result)).code, 'policy.unauthenticated')
  const harmless = makeRevocationList({ issuer: between }) + makeRevocationList({ issuer: authority })
  assert.equal(ask(shown(client, between), { crlFile: harmless }).result, undefined)
})

test('a certificate is checked once for a connection, not with each request', () => {
  const certificate = shown(acme)
  const { policy } = policyWith()
  let reads = 0
  const watched = { ...certificate, get chain() {
    reads++
    return certificate.chain
  } }
  for (let count = 0; count < 5; count++) assert.equal(policy.onRequest!(exchangeOf({ clientCertificate: watched })), undefined)
  assert.ok(reads <= 3, `${reads} reads`)
})

test('an outage of the part that knows consumers is no refusal of the client', async () => {
  const { result } = ask(shown(acme), {}, { verdict: { outcome: 'unavailable', code: 'dependency.auth_unreachable' } })
  assert.equal((await refusalOf(result)).code, 'dependency.auth_unreachable')
})

test('files that hold no certificates or lists are problems that name their setting', () => {
  assert.throws(() => policyWith({ caFile: 'nothing' }), /caFile cannot be used: no "BEGIN CERTIFICATE" in it/)
  assert.throws(() => policyWith({ crlFile: authority.cert }), /crlFile cannot be used: no "BEGIN X509 CRL" in it/)
})
