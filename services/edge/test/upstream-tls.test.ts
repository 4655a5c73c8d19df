import assert from 'node:assert/strict'
import type { TLSSocket } from 'node:tls'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { before, describe, it } from 'node:test'
import { answer, echo, fetchOnce, makeCertificate, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const authority = makeCertificate({ subject: 'authority', isAuthority: true })
const otherAuthority = makeCertificate({ subject: 'other authority', isAuthority: true })
const server = makeCertificate({ names: ['users.internal', '127.0.0.1'], issuer: authority })
const named = makeCertificate({ names: ['users.internal'], issuer: authority })
const expired = makeCertificate({ names: ['127.0.0.1'], issuer: authority, validTo: new Date(Date.now() - 1000) })
const client = makeCertificate({ subject: 'gateway', issuer: otherAuthority })

for (const engine of ['node', 'own'] as const) describe(`an edge speaks TLS with upstreams, engine ${engine}`, { concurrency: false }, () => {
  const whole = suiteCleanup()
  let trusted: ScriptedUpstream
  let picky: ScriptedUpstream
  let under: EdgeUnderTest
  let documentWith: (ca: string) => Parameters<typeof under.apply>[0]

  before(async () => {
    trusted = await startUpstream(whole, { tls: server })
    picky = await startUpstream(whole, { tls: { ...server, requestCert: true, rejectUnauthorized: true, ca: otherAuthority.cert } })
    const byName = await startUpstream(whole, { tls: named })
    const old = await startUpstream(whole, { tls: expired })
    const plain = await startUpstream(whole)
    const silent = createServer((socket) => void socket.on('error', () => undefined).resume())
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    whole.after(() => void silent.close())
    const silentUrl = `https://127.0.0.1:${(silent.address() as { port: number }).port}`
    const tls = { caFile: 'ca.pem' }
    const upstreams = {
      trusted: { endpoints: [{ url: `${trusted.url}/base` }], tls },
      untrusted: { endpoints: [{ url: trusted.url }] },
      'by-name': { endpoints: [{ url: byName.url }], tls: { ...tls, serverName: 'users.internal' } },
      'no-name': { endpoints: [{ url: byName.url }], tls },
      expired: { endpoints: [{ url: old.url }], tls },
      plain: { endpoints: [{ url: plain.url.replace('http:', 'https:') }], tls },
      shown: { endpoints: [{ url: picky.url }], tls: { ...tls, clientCertFile: 'gateway.pem', clientKeyFile: 'gateway.key' } },
      hidden: { endpoints: [{ url: picky.url }], tls },
      silent: { endpoints: [{ url: silentUrl }], tls, timeouts: { connectMs: 300 } },
      pair: { endpoints: [{ url: old.url, priority: 0 }, { url: trusted.url, priority: 1 }], tls },
    }
    documentWith = (ca) => ({
      upstreams,
      routes: Object.keys(upstreams).map((name) => ({ name, match: { path: `/${name}` }, upstream: name })),
      secrets: { 'file:ca.pem': ca, 'file:gateway.pem': client.cert, 'file:gateway.key': client.key },
    })
    under = await startEdge(whole, documentWith(authority.cert), { engine })
  })

  const reasonAt = async (path: string) => {
    const response = await fetchOnce(`${under.url}${path}`)
    return [response.status, response.status === 200 ? '' : response.json<{ error: { reason: string } }>().error.reason]
  }

  it('a certificate of a trusted authority is taken, connections are kept and bodies pass', async () => {
    trusted.does(echo())
    const before = trusted.connections.accepted
    for (let round = 0; round < 3; round++) {
      const response = await fetchOnce(`${under.url}/trusted`, { method: 'POST', body: `body ${round} ${'x'.repeat(200_000)}`, headers: { host: `client-${round}.example.com` } })
      assert.equal(response.status, 200)
      assert.ok(response.json<{ body: string }>().body.startsWith(`body ${round}`))
    }
    assert.equal(trusted.requests.at(-1)!.url, '/base/trusted')
    assert.equal(trusted.connections.accepted - before, 1)
  })

  it('HTTP/1.1 is asked for, and the server\'s name only when there is one', async () => {
    const sockets: TLSSocket[] = []
    trusted.server.on('secureConnection', (socket: TLSSocket) => void sockets.push(socket))
    await under.apply(documentWith(`${authority.cert}${otherAuthority.cert}`))
    trusted.does(answer(200, 'ok'))
    assert.equal((await fetchOnce(`${under.url}/trusted`)).status, 200)
    const socket = await waitUntil(() => sockets[0])
    assert.equal(socket.alpnProtocol, 'http/1.1')
    assert.ok(!socket.servername)
  })

  it('a certificate of an authority that nobody trusts is a 502 with the reason in the log', async () => {
    assert.deepEqual(await reasonAt('/untrusted'), [502, 'upstream.tls_failed'])
  })

  it('a certificate for another name is a 502, with the name in the settings it is taken', async () => {
    assert.deepEqual(await reasonAt('/no-name'), [502, 'upstream.tls_failed'])
    assert.deepEqual(await reasonAt('/by-name'), [200, ''])
  })

  it('an expired certificate, and an endpoint that speaks no TLS, are 502', async () => {
    assert.deepEqual(await reasonAt('/expired'), [502, 'upstream.tls_failed'])
    assert.deepEqual(await reasonAt('/plain'), [502, 'upstream.tls_failed'])
  })

  it('a client certificate is shown where it is set, and refused without one', async () => {
    picky.does(({ request, response }) => void response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN))
    const shown = await fetchOnce(`${under.url}/shown`)
    assert.deepEqual([shown.status, shown.body], [200, 'gateway'])
    const [status] = await reasonAt('/hidden')
    assert.equal(status, 502)
  })

  it('a handshake that stands still ends with the time for connecting', async () => {
    assert.deepEqual(await reasonAt('/silent'), [504, 'upstream.connect_timeout'])
  })

  it('another endpoint is tried when a handshake fails, and the failing one is left out', async () => {
    trusted.does(answer(200, 'second'))
    assert.equal((await fetchOnce(`${under.url}/pair`)).body, 'second')
  })

  it('an authority that is not trusted any more ends the connections it vouched for', async () => {
    trusted.does(answer(200, 'ok'))
    assert.deepEqual(await reasonAt('/trusted'), [200, ''])
    await under.apply(documentWith(otherAuthority.cert))
    assert.deepEqual(await reasonAt('/trusted'), [502, 'upstream.tls_failed'])
    await under.apply(documentWith(authority.cert))
    assert.deepEqual(await reasonAt('/trusted'), [200, ''])
  })

  it('files that cannot be used are refused, and what runs stays', async () => {
    const report = await under.apply({ ...documentWith(authority.cert), secrets: { 'file:ca.pem': authority.cert, 'file:gateway.pem': client.cert, 'file:gateway.key': server.key } })
    assert.equal(report.refusal?.pointer, '/upstreams/shown/tls')
    assert.deepEqual(await reasonAt('/trusted'), [200, ''])
  })
})
