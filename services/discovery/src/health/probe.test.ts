import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import { createSecureServer, createServer as createHttp2Server, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { answer, closeConnection, makeCertificate, neverAnswer, rawBytes, startUpstream, waitUntil } from '@sluice/testkit'
import { probe } from './probe.ts'

const never = new AbortController().signal
const ask = (url: string, timeoutMs = 2000) => probe({ url, host: undefined, timeoutMs }, never)

suite('a health probe', () => {
  test('a status of 200 to 399 is a success, and a redirect is not followed', async (t) => {
    const upstream = await startUpstream(t, answer(200, 'fine'))
    assert.equal(await ask(`${upstream.url}/health?deep=1`), undefined)
    upstream.does(answer(302, '', { location: '/elsewhere' }))
    assert.equal(await ask(`${upstream.url}/health`), undefined)
    assert.deepEqual(upstream.requests.map(({ method, url }) => `${method} ${url}`), ['GET /health?deep=1', 'GET /health'])
  })

  for (const secure of [false, true]) {
    test(`an endpoint that speaks nothing but HTTP/2 is probed in it, ${secure ? 'over TLS' : 'without TLS'}`, async (t) => {
      const made = makeCertificate({ names: ['127.0.0.1'] })
      const server = secure ? createSecureServer({ ...made }) : createHttp2Server()
      const asked: string[] = []
      let open = 0
      server.on('session', (session) => {
        open++
        session.on('error', () => {}).on('close', () => open--)
      })
      server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
        asked.push(`${headers[':method']} ${headers[':path']}`)
        stream.on('error', () => {})
        stream.respond({ ':status': asked.length === 1 ? 200 : 503 })
        stream.end('x'.repeat(100_000))
      })
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
      t.after(() => void server.close())
      const url = `${secure ? 'https' : 'http'}://127.0.0.1:${(server.address() as AddressInfo).port}/health`
      const askHttp2 = () => probe({ url, host: undefined, timeoutMs: 2000, tls: { caFile: made.cert }, protocol: 'http2' }, never)
      assert.equal(await askHttp2(), undefined)
      assert.equal(await askHttp2(), 'the probe was answered 503')
      assert.deepEqual(asked, ['GET /health', 'GET /health'])
      await waitUntil(() => open === 0)
      assert.match((await probe({ url, host: undefined, timeoutMs: 2000, tls: { caFile: made.cert } }, never))!, /^the probe failed: /)
    })
  }

  test('an endpoint on a Unix socket is probed there', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'sluice-probe-'))
    t.after(() => rm(directory, { recursive: true, force: true }))
    const socket = join(directory, 'upstream.sock')
    const asked: string[] = []
    const server = createServer((request, response) => {
      asked.push(`${request.headers.host} ${request.url}`)
      response.writeHead(asked.length === 1 ? 200 : 503).end()
    })
    server.listen(socket)
    await once(server, 'listening')
    assert.equal(await ask(`unix:${socket}:/health?deep=1`), undefined)
    assert.equal(await ask(`unix:${socket}:/health?deep=1`), 'the probe was answered 503')
    assert.deepEqual(asked, ['localhost /health?deep=1', 'localhost /health?deep=1'])
    await new Promise((resolve) => server.close(resolve))
    assert.equal(await ask(`unix:${socket}:/health`), 'the probe failed: ENOENT')
  })

  test('any other status is a failure that names it', async (t) => {
    const upstream = await startUpstream(t, answer(503))
    assert.equal(await ask(upstream.url), 'the probe was answered 503')
  })

  test('a port that refuses, a connection that is closed and nonsense are failures with a reason', async (t) => {
    const upstream = await startUpstream(t, closeConnection())
    assert.match((await ask(upstream.url))!, /^the probe failed: /)
    upstream.does(rawBytes('no HTTP\r\n\r\n'))
    assert.match((await ask(upstream.url))!, /^the probe failed: /)
    await upstream.kill()
    assert.equal(await ask(upstream.url), 'the probe failed: ECONNREFUSED')
  })

  test('silence is a failure after the timeout', async (t) => {
    const upstream = await startUpstream(t, neverAnswer())
    assert.equal(await ask(upstream.url, 50), 'the probe was not answered within 50 ms')
  })

  test('each probe makes a connection of its own and leaves none behind', async (t) => {
    const upstream = await startUpstream(t, answer(200, 'x'.repeat(100_000)))
    await ask(upstream.url)
    await ask(upstream.url)
    assert.equal(upstream.connections.accepted, 2)
    await waitUntil(() => upstream.connections.open === 0)
  })

  test('the Host that the upstream expects can be sent', async (t) => {
    const upstream = await startUpstream(t)
    await probe({ url: upstream.url, host: 'users.internal', timeoutMs: 2000 }, never)
    assert.equal(upstream.requests[0]!.headers.host, 'users.internal')
  })
})

suite('a health probe over TLS', () => {
  const authority = makeCertificate({ subject: 'authority', isAuthority: true })
  const other = makeCertificate({ subject: 'other authority', isAuthority: true })
  const client = makeCertificate({ subject: 'gateway', issuer: other })
  const named = makeCertificate({ names: ['users.internal'], issuer: authority })
  const askSecurely = (url: string, tls: object, host?: string) => probe({ url, host, timeoutMs: 2000, tls }, never)

  test('the certificate is checked: its authority, and its name or the address', async (t) => {
    const upstream = await startUpstream(t, { tls: makeCertificate({ names: ['127.0.0.1'], issuer: authority }) })
    assert.equal(await askSecurely(upstream.url, { caFile: authority.cert }), undefined)
    assert.match((await askSecurely(upstream.url, {}))!, /^the probe failed: (UNABLE_TO|SELF_SIGNED)/)
    assert.match((await askSecurely(upstream.url, { caFile: other.cert }))!, /^the probe failed: UNABLE_TO/)
  })

  test('the name asked for is the setting, whatever Host is sent', async (t) => {
    const upstream = await startUpstream(t, { tls: named })
    assert.equal(await askSecurely(upstream.url, { caFile: authority.cert, serverName: 'users.internal' }, 'elsewhere.internal'), undefined)
    assert.equal(await askSecurely(upstream.url, { caFile: authority.cert }, 'users.internal'), 'the probe failed: ERR_TLS_CERT_ALTNAME_INVALID')
  })

  test('a client certificate is shown', async (t) => {
    const upstream = await startUpstream(t, { tls: { ...named, requestCert: true, rejectUnauthorized: true, ca: other.cert } })
    const tls = { caFile: authority.cert, serverName: 'users.internal' }
    assert.match((await askSecurely(upstream.url, tls))!, /^the probe failed: /)
    assert.equal(await askSecurely(upstream.url, { ...tls, clientCertFile: client.cert, clientKeyFile: client.key }), undefined)
  })

  test('a port that accepts and says nothing is a failure after the timeout, and leaves no connection', async (t) => {
    const upstream = await startUpstream(t, neverAnswer())
    assert.equal(await probe({ url: upstream.url.replace('http:', 'https:'), host: undefined, timeoutMs: 100 }, never).then((failure) => failure?.startsWith('the probe')), true)
    await waitUntil(() => upstream.connections.open === 0)
  })
})

suite('a health probe by TCP', () => {
  const connectTo = (url: string, tls?: object) => probe({ kind: 'tcp', url, host: undefined, timeoutMs: 2000, tls }, never)

  test('a connection that comes about is enough, and is closed again', async (t) => {
    const upstream = await startUpstream(t, neverAnswer())
    assert.equal(await connectTo(`${upstream.url}/ignored`), undefined)
    await waitUntil(() => upstream.connections.open === 0)
    assert.equal(upstream.requests.length, 0)
    await upstream.kill()
    assert.equal(await connectTo(upstream.url), 'the probe failed: ECONNREFUSED')
  })

  test('with TLS the handshake has to succeed', async (t) => {
    const authority = makeCertificate({ subject: 'authority', isAuthority: true })
    const upstream = await startUpstream(t, { tls: makeCertificate({ names: ['127.0.0.1'], issuer: authority }) })
    assert.equal(await connectTo(upstream.url, { caFile: authority.cert }), undefined)
    assert.match((await connectTo(upstream.url, {}))!, /^the probe failed: (UNABLE_TO|SELF_SIGNED)/)
  })
})

suite('a health probe by gRPC', () => {
  /** Answers each check as `script` does. */
  async function startGrpc(t: TestContext, script: (stream: ServerHttp2Stream, body: Buffer, headers: IncomingHttpHeaders) => void): Promise<string> {
    const server = createHttp2Server()
    const sessions = new Set<{ destroy(): void }>()
    server.on('session', (session) => sessions.add(session))
    server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
      const pieces: Buffer[] = []
      stream.on('error', () => {}).on('data', (piece: Buffer) => pieces.push(piece)).on('end', () => script(stream, Buffer.concat(pieces), headers))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    t.after(() => {
      for (const session of sessions) session.destroy()
      server.close()
    })
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }

  const answerWith = (stream: ServerHttp2Stream, message: number[], grpcStatus = '0') => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': grpcStatus }))
    stream.end(Buffer.from([0, 0, 0, 0, message.length, ...message]))
  }
  const ask = (url: string, service = '') => probe({ kind: 'grpc', url: `${url}/health`, host: undefined, timeoutMs: 2000, service }, never)

  test('a service that serves is well, and is asked by its name', async (t) => {
    const seen: [string | undefined, number[]][] = []
    const url = await startGrpc(t, (stream, body, headers) => {
      seen.push([headers[':path'], [...body]])
      answerWith(stream, [0x08, 1])
    })
    assert.equal(await ask(url), undefined)
    assert.equal(await ask(url, 'users'), undefined)
    assert.deepEqual(seen, [['/grpc.health.v1.Health/Check', [0, 0, 0, 0, 0]], ['/grpc.health.v1.Health/Check', [0, 0, 0, 0, 7, 0x0a, 5, ...Buffer.from('users')]]])
  })

  test('one that does not serve, does not know the service, or has no health at all is not', async (t) => {
    const url = await startGrpc(t, (stream, body) => {
      if (body.length === 5) return answerWith(stream, [0x08, 2])
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': body.length === 7 + 5 ? '5' : '12' }, { endStream: true })
    })
    assert.equal(await ask(url), 'the service says that it does not serve (not serving)')
    assert.equal(await ask(url, 'users'), 'the probe was answered with gRPC status 5')
    assert.equal(await ask(url, 'a'), 'the probe was answered with gRPC status 12')
  })

  test('a server of another protocol, one that hangs and one that is gone are failures', async (t) => {
    const upstream = await startUpstream(t)
    assert.match((await ask(upstream.url))!, /^the probe (failed|was not answered)/)
    const hanging = await startGrpc(t, () => {})
    assert.equal(await probe({ kind: 'grpc', url: hanging, host: undefined, timeoutMs: 100 }, never), 'the probe was not answered within 100 ms')
    await upstream.kill()
    assert.equal(await ask(upstream.url), 'the probe failed: ECONNREFUSED')
  })
})
