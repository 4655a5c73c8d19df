import assert from 'node:assert/strict'
import { createHash, createHmac, generateKeyPairSync, randomUUID, sign } from 'node:crypto'
import { before, describe, it } from 'node:test'
import { echo, fetchOnce, startUpstream, suiteCleanup, type FetchedResponse, type ScriptedUpstream } from '@sluice/testkit'
import { type EdgeUnderTest, startEdge } from './edge-harness.ts'

const secret = 'a shared secret of the shop and the gateway'
const pairs = { ed: generateKeyPairSync('ed25519'), ec: generateKeyPairSync('ec', { namedCurve: 'P-256' }), rsa: generateKeyPairSync('rsa', { modulusLength: 2048 }) }
const pem = (pair: (typeof pairs)['ed']) => pair.publicKey.export({ format: 'pem', type: 'spki' }) as string
const keys = [
  { keyId: 'shop', algorithm: 'hmac-sha256', secret },
  { keyId: 'acme-ed', algorithm: 'ed25519', pem: pem(pairs.ed), subject: 'acme' },
  { keyId: 'acme-ec', algorithm: 'ecdsa-p256-sha256', pem: pem(pairs.ec), subject: 'acme' },
  { keyId: 'acme-rsa', algorithm: 'rsa-pss-sha512', pem: pem(pairs.rsa), subject: 'acme' },
]
const signers: Readonly<Record<string, (base: string) => Buffer>> = {
  shop: (base) => createHmac('sha256', secret).update(base).digest(),
  'acme-ed': (base) => sign(null, Buffer.from(base), pairs.ed.privateKey),
  'acme-ec': (base) => sign('sha256', Buffer.from(base), { key: pairs.ec.privateKey, dsaEncoding: 'ieee-p1363' }),
  'acme-rsa': (base) => sign('sha512', Buffer.from(base), { key: pairs.rsa.privateKey, padding: 6, saltLength: 64 }),
}

interface Signing {
  readonly keyId?: string
  readonly body?: string
  readonly nonce?: string
  readonly created?: number
}

describe('signed requests, seen from outside', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let under: EdgeUnderTest
  let upstream: ScriptedUpstream

  before(async () => {
    upstream = await startUpstream(whole, echo())
    under = await startEdge(whole, {
      upstreams: { main: { endpoints: [{ url: upstream.url }], retries: { attempts: 1 } } },
      routes: [{ name: 'signed', match: { pathPrefix: '/signed' }, upstream: 'main', policies: [{ 'http-signature': { keys } }] }],
    } as never, { workers: 2 })
  })

  /** The fields that sign a request for `path`, as RFC 9421 §3.1 makes them. */
  function fieldsFor(path: string, { keyId = 'acme-ed', body, nonce, created = Math.floor(Date.now() / 1000) }: Signing): Record<string, string> {
    const digest = body === undefined ? undefined : `sha-256=:${createHash('sha256').update(body).digest('base64')}:`
    const lines = [`"@method": ${body === undefined ? 'GET' : 'POST'}`, `"@target-uri": ${under.url}${path}`, ...(digest === undefined ? [] : [`"content-digest": ${digest}`])]
    const names = lines.map((line) => line.slice(0, line.indexOf(':'))).join(' ')
    const parameters = `(${names});created=${created};keyid="${keyId}"${nonce === undefined ? '' : `;nonce="${nonce}"`}`
    const signature = signers[keyId]!([...lines, `"@signature-params": ${parameters}`].join('\n'))
    return { 'signature-input': `sig=${parameters}`, signature: `sig=:${signature.toString('base64')}:`, ...(digest === undefined ? {} : { 'content-digest': digest }) }
  }
  const send = (path: string, headers: Record<string, string>, body?: string): Promise<FetchedResponse> =>
    fetchOnce(under.url, { path, headers: { ...headers, ...(body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }) }, ...(body === undefined ? {} : { method: 'POST', body }) })
  const caller = (answer: FetchedResponse) => (answer.status === 200 ? answer.json<{ headers: Record<string, string> }>().headers['x-consumer-name'] : answer.status)

  it('a request that is signed by any kind of key says who is calling', async () => {
    for (const [keyId, who] of [['shop', 'shop'], ['acme-ed', 'acme'], ['acme-ec', 'acme'], ['acme-rsa', 'acme']] as const) assert.equal(caller(await send('/signed/a%20b?x=1', fieldsFor('/signed/a%20b?x=1', { keyId }))), who, keyId)
  })

  it('what was not signed so is refused: another path, another method, another key, another time', async () => {
    const fields = fieldsFor('/signed/a', {})
    assert.equal((await send('/signed/b', fields)).status, 401)
    assert.equal((await send('/signed/a', fields, '')).status, 401)
    assert.equal((await send('/signed/a', { ...fields, 'signature-input': fields['signature-input']!.replace('acme-ed', 'shop') })).status, 401)
    assert.equal((await send('/signed/a', fieldsFor('/signed/a', { created: Math.floor(Date.now() / 1000) - 301 }))).status, 401)
    const unsigned = await send('/signed/a', {})
    assert.deepEqual([unsigned.status, unsigned.headers['www-authenticate'], unsigned.headers['accept-signature']], [401, 'Signature realm="sluice"', 'sig=("@method" "@target-uri" "content-digest");created;keyid'])
  })

  it('a body reaches the upstream whole only as it was signed', async () => {
    const body = JSON.stringify({ amount: 'x'.repeat(200_000) })
    const answer = await send('/signed/pay', fieldsFor('/signed/pay', { body }), body)
    assert.equal(caller(answer), 'acme')
    assert.equal(answer.json<{ body: string }>().body, body)
    const before = upstream.requests.length
    const tampered = body.replace('x"}', 'y"}')
    assert.equal((await send('/signed/pay', fieldsFor('/signed/pay', { body }), tampered)).status, 401)
    assert.ok(upstream.requests.slice(before).every((request) => request.body.length < body.length), 'the upstream had all of a body that was not signed')
  })

  it('a nonce is good once, whichever worker is asked', async () => {
    const fields = fieldsFor('/signed/once', { nonce: randomUUID() })
    const statuses: number[] = []
    for (let round = 0; round < 6; round++) statuses.push((await send('/signed/once', fields)).status)
    assert.deepEqual(statuses, [200, 401, 401, 401, 401, 401])
    assert.equal((await send('/signed/once', fieldsFor('/signed/once', { nonce: randomUUID() }))).status, 200)
  })
})
