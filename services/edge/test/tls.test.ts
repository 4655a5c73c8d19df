import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { Agent } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls'
import { before, describe, it } from 'node:test'
import { afterDelay, answer, echo, fetchOnce, freePort, makeCertificate, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { secureListener } from './secure-listener.ts'

const authority = makeCertificate({ subject: 'authority', isAuthority: true })
const one = makeCertificate({ names: ['one.example.com', '127.0.0.1'], issuer: authority })
const wild = makeCertificate({ names: ['*.wild.example.com'], issuer: authority })
const ca = authority.cert

describe('an edge ends TLS', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest
  let port: number
  let url: string

  const documentWith = (certificates = [one, wild], more: Parameters<typeof secureListener>[2] = {}) => ({
    ...secureListener(port, certificates, { healthPath: '/health', delaySeconds: 0, ...more }),
    upstreams: { main: { endpoints: [{ url: upstream.url }] } },
    routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
  })

  before(async () => {
    upstream = await startUpstream(whole)
    port = await freePort()
    url = `https://127.0.0.1:${port}`
    under = await startEdge(whole, documentWith(), { workers: 2 })
  })

  /** A handshake; the socket is destroyed at the end of the test by its own. */
  async function handshake(options: ConnectionOptions): Promise<TLSSocket> {
    const socket = connect({ host: '127.0.0.1', port, ca, servername: 'one.example.com', ...options })
    await once(socket, 'secureConnect')
    return socket
  }

  const nameShown = async (servername: string | undefined) => {
    const socket = await handshake({ rejectUnauthorized: false, ...(servername === undefined ? { servername: '' } : { servername }) })
    const { subject } = socket.getPeerCertificate()
    socket.destroy()
    return subject.CN
  }

  it('a request over HTTPS is served, and the upstream learns that it was', async () => {
    upstream.does(answer(200, 'hello'))
    const response = await fetchOnce(`${url}/x`, { tls: { ca } })
    assert.equal(response.status, 200)
    assert.equal(response.body, 'hello')
    const { headers } = upstream.requests.at(-1)!
    assert.equal(headers['x-forwarded-proto'], 'https')
    assert.equal(headers['x-forwarded-port'], String(port))
    assert.match(String(headers['forwarded']), /proto=https/)
    assert.equal(response.headers['strict-transport-security'], undefined)
  })

  it('curl and openssl agree with it', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-tls-'))
    whole.after(() => rm(directory, { recursive: true, force: true }))
    const caFile = join(directory, 'ca.pem')
    await writeFile(caFile, ca)
    upstream.does(answer(200, 'hello'))
    const curl = await run('curl', ['--silent', '--http2', '--cacert', caFile, '--write-out', ' %{http_version} %{http_code}', `${url}/x`])
    const openssl = await run('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-servername', 'a.wild.example.com', '-CAfile', caFile, '-alpn', 'h2,http/1.1', '-verify_return_error'])
    if (curl === undefined || openssl === undefined) return t.skip('curl or openssl is not installed')
    assert.equal(curl, 'hello 2 200')
    assert.match(openssl, /Verification: OK/)
    assert.match(openssl, /subject=CN ?= ?\*\.wild\.example\.com/)
    assert.match(openssl, /ALPN protocol: h2/)
    assert.match(openssl, /New, TLSv1\.3/)
  })

  it('the ready addresses name the scheme', () => {
    assert.deepEqual(under.edge.addresses, [url])
  })

  it('the health path answers inside TLS', async () => {
    const response = await fetchOnce(`${url}/health`, { tls: { ca } })
    assert.equal(response.status, 200)
    assert.equal(response.body, '{"status":"serving"}\n')
  })

  it('large bodies pass both ways', async () => {
    upstream.does(echo())
    const body = 'x'.repeat(3_000_000)
    const response = await fetchOnce(`${url}/big`, { method: 'POST', body, tls: { ca } })
    assert.equal(response.status, 200)
    assert.equal(upstream.requests.at(-1)!.body.length, body.length)
    assert.ok(response.body.includes(body.slice(0, 1000)))
  })

  it('the certificate is chosen by the name asked for, exact before wildcard, the first for any other', async () => {
    assert.equal(await nameShown('one.example.com'), 'one.example.com')
    assert.equal(await nameShown('ONE.example.com'), 'one.example.com')
    assert.equal(await nameShown('a.wild.example.com'), '*.wild.example.com')
    assert.equal(await nameShown('a.b.wild.example.com'), 'one.example.com')
    assert.equal(await nameShown('wild.example.com'), 'one.example.com')
    assert.equal(await nameShown('elsewhere.example.org'), 'one.example.com')
    assert.equal(await nameShown(undefined), 'one.example.com')
  })

  it('TLS 1.3 with AES-GCM and with ChaCha20-Poly1305 is spoken, TLS 1.2 refused and counted', async () => {
    for (const suite of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384', 'TLS_CHACHA20_POLY1305_SHA256']) {
      const socket = await handshake({ ciphers: suite })
      assert.equal(socket.getProtocol(), 'TLSv1.3')
      assert.equal(socket.getCipher().name, suite)
      socket.destroy()
    }
    await assert.rejects(handshake({ maxVersion: 'TLSv1.2' }), { code: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' })
    await waitUntil(async () => (await metric('sluice_tls_handshake_errors_total', 'version')) >= 1)
  })

  it('a client that knows none of the protocols is refused in the handshake', async () => {
    await assert.rejects(handshake({ ALPNProtocols: ['acme-tls/1'] }), { code: 'ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL' })
    await waitUntil(async () => (await metric('sluice_tls_handshake_errors_total', 'protocol')) >= 1)
  })

  it('the time until a certificate expires is a metric', async () => {
    const seconds = await metric('sluice_certificate_expiry_seconds', '*.wild.example.com')
    assert.ok(seconds > 29 * 86_400 && seconds <= 30 * 86_400, String(seconds))
  })

  it('a session goes on with another worker, and after the certificates changed', async () => {
    const sessionOf = async (): Promise<Buffer> => {
      const socket = await handshake({})
      socket.write('GET /health HTTP/1.1\r\nHost: one.example.com\r\n\r\n')
      const [session] = (await once(socket, 'session')) as [Buffer]
      socket.destroy()
      return session
    }
    const resumes = async (session: Buffer): Promise<boolean> => {
      const socket = await handshake({ session })
      const reused = socket.isSessionReused()
      socket.destroy()
      return reused
    }
    // Connections go to the two workers in turn, so one session meets both.
    const session = await sessionOf()
    for (let round = 0; round < 4; round++) assert.equal(await resumes(session), true, `connection ${round}`)
    await under.apply(documentWith([one, makeCertificate({ names: ['*.wild.example.com'], issuer: authority })]))
    assert.equal(await resumes(session), true)
    const other = makeCertificate({ names: ['one.example.com', '127.0.0.1'], issuer: authority })
    await under.apply(documentWith([other, wild]))
    assert.equal(await resumes(session), true)
    await under.apply(documentWith())
  })

  it('certificates are replaced under load without a dropped connection', async () => {
    upstream.does(answer(200, 'still here'))
    const agents = Array.from({ length: 8 }, () => new Agent({ keepAlive: true, maxSockets: 1, ca }))
    let running = true
    let served = 0
    let reconnected = 0
    const load = agents.map(async (agent) => {
      for (let first = true; running; first = false) {
        const response = await fetchOnce(`${url}/load`, { agent, tls: { ca } })
        assert.equal(response.status, 200)
        served++
        if (!first && !response.reusedConnection) reconnected++
      }
    })
    for (let round = 0; round < 5; round++) {
      const next = makeCertificate({ names: ['one.example.com', '127.0.0.1'], subject: `round ${round}`, issuer: authority })
      const before = served
      await under.apply(documentWith([next, wild]))
      assert.equal(await nameShown('one.example.com'), `round ${round}`)
      await waitUntil(() => served > before + 20)
    }
    running = false
    await Promise.all(load)
    for (const agent of agents) agent.destroy()
    assert.equal(reconnected, 0)
    await under.apply(documentWith())
  })

  it('a certificate without its key is refused, and what runs stays', async () => {
    const report = await under.apply(documentWith([{ ...one, key: wild.key }]))
    assert.equal(report.refusal?.pointer, '/listeners/https/certificates/0/keyFile')
    assert.equal(await nameShown('one.example.com'), 'one.example.com')
    await under.apply(documentWith())
  })

  it('Strict-Transport-Security is sent when it is set, in place of the upstream\'s', async () => {
    await under.apply(documentWith([one], { hstsSeconds: 31_536_000 }))
    upstream.does(answer(200, 'x', { 'strict-transport-security': 'max-age=1' }))
    const response = await fetchOnce(`${url}/x`, { tls: { ca } })
    assert.equal(response.headers['strict-transport-security'], 'max-age=31536000')
  })

  it('TLS 1.2 is spoken where the configuration allows it, with forward secrecy', async () => {
    await under.apply(documentWith([one], { minVersion: '1.2' }))
    const socket = await handshake({ maxVersion: 'TLSv1.2' })
    assert.equal(socket.getProtocol(), 'TLSv1.2')
    assert.match(socket.getCipher().name, /^ECDHE-ECDSA-.*(GCM|POLY1305)/)
    socket.destroy()
    await assert.rejects(handshake({ maxVersion: 'TLSv1.2', ciphers: 'AES128-SHA' }))
    await under.apply(documentWith())
    await assert.rejects(handshake({ maxVersion: 'TLSv1.2' }))
  })

  it('a request that runs when the worker drains is answered, and its connection closed', async () => {
    upstream.does(afterDelay(300, answer(200, 'late')))
    const asked = upstream.requests.length
    const pending = fetchOnce(`${url}/late`, { tls: { ca } })
    await waitUntil(() => upstream.requests.length > asked)
    const restarted = under.edge.restartWorkers()
    const response = await pending
    assert.equal(response.body, 'late')
    assert.equal(response.headers['connection'], 'close')
    upstream.does(answer(200, 'next'))
    for (let round = 0; round < 20; round++) assert.equal((await fetchOnce(`${url}/next`, { tls: { ca } })).status, 200)
    await restarted
  })

  async function metric(name: string, label: string): Promise<number> {
    const found = (await under.edge.metricsSnapshot()).find((one) => one.name === name)
    return found?.series.find(({ values }) => values.includes(label))?.value ?? 0
  }
})

/** What a program prints, its input closed; undefined when there is no such program. */
function run(program: string, args: readonly string[]): Promise<string | undefined> {
  return new Promise((resolve) => {
    const child = execFile(program, [...args], { timeout: 10_000 }, (error, stdout) => resolve((error as NodeJS.ErrnoException | null)?.code === 'ENOENT' ? undefined : stdout))
    child.stdin?.end()
  })
}
