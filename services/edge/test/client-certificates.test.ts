import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect as connectHttp2 } from 'node:http2'
import { before, describe, it } from 'node:test'
import { connect, type ConnectionOptions } from 'node:tls'
import type { RevisionDocumentInput } from '@sluice/proto/config'
import { answer, fetchOnce, freePort, makeCertificate, makeRevocationList, startUpstream, suiteCleanup, type MadeCertificate, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { ScriptedAuth } from './scripted-auth.ts'
import { secureListener } from './secure-listener.ts'

const server = makeCertificate({ names: ['one.example.com', '127.0.0.1'] })
const authority = makeCertificate({ subject: 'clients', isAuthority: true })
const partners = makeCertificate({ subject: 'partners', isAuthority: true })
const acme = makeCertificate({ subject: 'Acme', names: ['acme.example.com'], issuer: authority })
const partner = makeCertificate({ subject: 'Partner', names: ['partner.example.com'], issuer: partners })
const expired = makeCertificate({ names: ['late.example.com'], issuer: authority, validTo: new Date(Date.now() - 1000) })
const forged = makeCertificate({ names: ['acme.example.com'], issuer: makeCertificate({ subject: 'clients', isAuthority: true }) })

describe('clients show certificates', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest
  let port: number
  let url: string

  const document = (crlFile?: string, policies = true): Partial<RevisionDocumentInput> => {
    const { listeners, secrets = {} } = secureListener(port, [server])
    const of = (caFile: string) => ({ 'mtls-auth': { caFile, ...(crlFile === undefined ? {} : { crlFile: 'clients.crl' }) } })
    return {
      listeners: listeners!,
      secrets: { ...secrets, 'file:clients.pem': authority.cert, 'file:partners.pem': partners.cert, ...(crlFile === undefined ? {} : { 'file:clients.crl': crlFile }) },
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'open', match: { path: '/open' }, upstream: 'main' },
        ...(policies
          ? [
              { name: 'clients', match: { path: '/clients' }, upstream: 'main', policies: [of('clients.pem')] },
              { name: 'partners', match: { path: '/partners' }, upstream: 'main', policies: [{ 'mtls-auth': { caFile: 'partners.pem', consumerFrom: 'subject' as const } }] },
            ]
          : []),
      ],
    }
  }

  before(async () => {
    upstream = await startUpstream(whole)
    upstream.does(answer(200, 'fine'))
    port = await freePort()
    url = `https://127.0.0.1:${port}`
    under = await startEdge(whole, document())
    const auth = new ScriptedAuth(under.bus)
    auth.come()
    whole.after(() => auth.leave())
    auth.subjects.set('acme.example.com', { consumer: 'acme', groups: ['gold'] })
  })

  const shows = (client: MadeCertificate | undefined): ConnectionOptions => ({ ca: server.cert, ...(client === undefined ? {} : { cert: client.cert, key: client.key }) })
  const ask = async (path: string, client?: MadeCertificate) => {
    const { status, body } = await fetchOnce(`${url}${path}`, { tls: shows(client) })
    return status === 200 ? 200 : `${status} ${(JSON.parse(body) as { error: { reason: string } }).error.reason}`
  }

  it('a certificate of a route\'s authority is let in, and the upstream learns whose it is', async () => {
    assert.equal(await ask('/clients', acme), 200)
    assert.equal(upstream.requests.at(-1)!.headers['x-consumer-name'], 'acme')
    assert.equal(upstream.requests.at(-1)!.headers['x-consumer-groups'], 'gold')
    assert.equal(await ask('/partners', partner), 200)
    assert.equal(upstream.requests.at(-1)!.headers['x-consumer-name'], 'Partner')
  })

  it('none, another authority\'s, an expired and a forged one are refused on that route alone', async () => {
    for (const client of [undefined, partner, expired, forged]) {
      assert.equal(await ask('/clients', client), '401 policy.unauthenticated')
      assert.equal(await ask('/open', client), 200)
    }
    assert.equal(await ask('/partners', acme), '401 policy.unauthenticated')
  })

  it('HTTP/2 knows its client as well', async () => {
    const session = connectHttp2(url, shows(acme))
    session.on('error', () => undefined)
    const stream = session.request({ ':path': '/clients' })
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
    assert.equal(headers[':status'], 200)
    session.destroy()
  })

  /** Whether the second of two connections goes on with the session of the first. */
  async function isResumed(): Promise<boolean> {
    let session: Buffer | undefined
    let isReused = false
    for (let count = 0; count < 2; count++) {
      const socket = connect({ host: '127.0.0.1', port, ...shows(acme), ...(session === undefined ? {} : { session }) })
      socket.on('session', (made: Buffer) => (session = made))
      await once(socket, 'secureConnect')
      isReused = socket.isSessionReused()
      socket.write('GET /open HTTP/1.1\r\nHost: one.example.com\r\nConnection: close\r\n\r\n')
      socket.resume()
      await once(socket, 'close')
    }
    return isReused
  }

  it('a revoked certificate is refused from the revision on, also on a connection that stands', async () => {
    const session = connectHttp2(url, shows(acme))
    session.on('error', () => undefined)
    const status = async (): Promise<number> => {
      const stream = session.request({ ':path': '/clients' })
      const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
      stream.resume()
      return headers[':status']
    }
    assert.equal(await status(), 200)
    assert.equal((await under.apply(document(makeRevocationList({ issuer: authority, revoked: [acme] })))).refusal, undefined)
    assert.equal(await status(), 401)
    session.destroy()
    assert.equal(await ask('/clients', makeCertificate({ names: ['other.example.com'], issuer: authority })), 200)
  })

  it('a list that is out of date is the gateway\'s own failure: 503', async () => {
    await under.apply(document(makeRevocationList({ issuer: authority, nextUpdate: new Date(Date.now() - 1000) })))
    assert.equal(await ask('/clients', acme), '503 dependency.revocation_list_stale')
    assert.equal(await ask('/open', acme), 200)
  })

  it('an authority that cannot be read is refused with its place, and what runs goes on', async () => {
    await under.apply(document())
    const broken = document()
    const report = await under.apply({ ...broken, secrets: { ...broken.secrets, 'file:clients.pem': 'no certificate' } })
    assert.match(report.refusal?.detail ?? '', /caFile cannot be used/)
    assert.equal(await ask('/clients', acme), 200)
  })

  it('clients are asked for certificates while a policy needs them, and no session is resumed then: each connection proves its client anew', async () => {
    await under.apply(document())
    assert.equal(await ask('/clients', acme), 200)
    assert.equal(await isResumed(), false)
    await under.apply(document(undefined, false))
    assert.equal(await isResumed(), true)
    await under.apply(document())
    assert.equal(await ask('/clients', acme), 200)
    assert.equal(await isResumed(), false)
  })
})
