import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer as createHttpServer, type IncomingMessage } from 'node:http'
import { connect as connectHttp2, createServer as createHttp2Server, type ClientHttp2Session, type ClientHttp2Stream, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { join } from 'node:path'
import { afterEach, before, describe, it } from 'node:test'
import { fetchOnce, freePort, makeCertificate, suiteCleanup, waitUntil, type Cleanup } from '@sluice/testkit'
import { websocketAccept } from '@sluice/http'
import { WebSocket, WebSocketServer, type RawData } from 'ws'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { RawClient } from './raw-client.ts'
import { RawUpstream } from './raw-upstream.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['127.0.0.1'] })
const key = 'dGhlIHNhbXBsZSBub25jZQ=='
const handshake = (path: string) => `GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${key}\r\n\r\n`

/** An upstream that carries WebSockets; `/refuse` it refuses, and everything else that is no upgrade it answers. */
async function startChat(t: Cleanup, tls?: { cert: string; key: string }) {
  const seen: IncomingMessage[] = []
  const open = new Set<WebSocket>()
  const answer = (_request: IncomingMessage, response: { end(text: string): void }) => response.end('plain')
  const server = tls === undefined ? createHttpServer(answer) : createHttpsServer(tls, answer)
  const sockets = new WebSocketServer({ noServer: true, handleProtocols: (offered) => [...offered].at(-1)! })
  server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
    seen.push(request)
    socket.on('error', () => undefined)
    if (request.url === '/refuse') return void socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 4\r\nX-Why: closed\r\n\r\nshut')
    sockets.handleUpgrade(request, socket, head, (one) => {
      open.add(one)
      one.on('close', () => open.delete(one))
      one.on('error', () => undefined)
      one.on('message', (data, isBinary) => one.send(data, { binary: isBinary }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const stop = (): void => {
    for (const one of open) one.terminate()
    server.close()
    server.closeAllConnections()
  }
  t.after(stop)
  return { seen, open, stop, url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** An upstream of HTTP/2; WebSockets it carries by extended CONNECT, if at all. */
async function startHttp2Chat(t: Cleanup, enableConnectProtocol: boolean) {
  const server = createHttp2Server({ settings: { enableConnectProtocol } })
  const sessions = new Set<ServerHttp2Session>()
  const seen: IncomingHttpHeaders[] = []
  server.on('session', (session) => void sessions.add(session.on('error', () => undefined)))
  server.on('stream', (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    seen.push(headers)
    stream.on('error', () => undefined)
    stream.respond({ ':status': headers[':path'] === '/refuse' ? 403 : 200, 'sec-websocket-protocol': 'two' })
    if (headers[':method'] !== 'CONNECT' || headers[':path'] === '/refuse') return void stream.end('plain')
    const socket = new WebSocket(null as never, undefined, { autoPong: true, allowSynchronousEvents: true }) as WebSocket & { setSocket(stream: ServerHttp2Stream, head: Buffer, options: object): void }
    socket.setSocket(stream, Buffer.alloc(0), { maxPayload: 0, skipUTF8Validation: false })
    socket.on('error', () => undefined).on('message', (data, isBinary) => socket.send(data, { binary: isBinary }))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const session of sessions) session.destroy()
    server.close()
  })
  return { seen, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` }
}

/** A text message as a client sends it, under a mask of zeros (RFC 6455 §5.2). */
function maskedText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])
}

/** As a server sends it. */
function plainText(text: string): Buffer {
  return Buffer.concat([Buffer.from([0x81, text.length]), Buffer.from(text)])
}

describe('an edge carries WebSockets', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const clients: WebSocket[] = []
  let chat: Awaited<ReturnType<typeof startChat>>
  let raw: RawUpstream
  let modern: Awaited<ReturnType<typeof startHttp2Chat>>
  const sessions: ClientHttp2Session[] = []
  let under: EdgeUnderTest
  let plain: string
  let secure: string

  before(async () => {
    chat = await startChat(whole)
    const secureChat = await startChat(whole, made)
    raw = await RawUpstream.start(whole)
    modern = await startHttp2Chat(whole, true)
    const older = await startHttp2Chat(whole, false)
    const [port, securePort] = [await freePort(), await freePort()]
    plain = `ws://127.0.0.1:${port}`
    secure = `wss://127.0.0.1:${securePort}`
    const { listeners, secrets } = secureListener(securePort, [made])
    under = await startEdge(whole, {
      listeners: { ...listeners, http: { address: `127.0.0.1:${port}`, h2c: true } },
      secrets: { ...secrets, 'file:ca.pem': made.cert },
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: {
        chat: { endpoints: [{ url: chat.url }] },
        secureChat: { endpoints: [{ url: secureChat.url }], tls: { caFile: 'ca.pem' } },
        silent: { endpoints: [{ url: chat.url }], timeouts: { idleMs: 300 } },
        raw: { endpoints: [{ url: raw.url }] },
        modern: { endpoints: [{ url: modern.url }], protocol: 'http2' },
        older: { endpoints: [{ url: older.url }], protocol: 'http2' },
      },
      routes: [
        { name: 'chat', match: { pathPrefix: '/' }, upstream: 'chat' },
        { name: 'secure', match: { path: '/secure' }, upstream: 'secureChat' },
        { name: 'silent', match: { path: '/silent' }, upstream: 'silent' },
        { name: 'raw', match: { pathPrefix: '/raw' }, upstream: 'raw' },
        { name: 'modern', match: { pathPrefix: '/modern' }, upstream: 'modern', rewrite: { stripPrefix: '/modern' } },
        { name: 'older', match: { pathPrefix: '/older' }, upstream: 'older' },
        { name: 'once', match: { path: '/once' }, upstream: 'chat', policies: [{ 'rate-limit': { limit: 1, windowSeconds: 3600, key: 'route' } }] },
        { name: 'keyed', match: { path: '/keyed' }, upstream: 'chat', policies: [{ 'ip-restriction': { deny: ['127.0.0.1/32'] } }] },
      ],
    }, { port })
  })
  afterEach(() => {
    for (const client of clients.splice(0)) client.terminate()
    for (const session of sessions.splice(0)) session.destroy()
  })

  async function open(url: string, protocols: string[] = []): Promise<WebSocket> {
    const client = new WebSocket(url, protocols, { ca: made.cert, perMessageDeflate: false })
    clients.push(client)
    client.on('error', () => undefined)
    await once(client, 'open')
    return client
  }

  async function refused(url: string): Promise<{ status: number; body: string; headers: IncomingMessage['headers'] }> {
    const client = new WebSocket(url)
    clients.push(client)
    client.on('error', () => undefined)
    const [, response] = (await once(client, 'unexpected-response')) as [unknown, IncomingMessage]
    return { status: response.statusCode!, body: Buffer.concat(await response.toArray() as Buffer[]).toString(), headers: response.headers }
  }

  async function echoed(client: WebSocket, data: string | Buffer): Promise<string> {
    const next = once(client, 'message') as Promise<[RawData, boolean]>
    client.send(data)
    const [back, isBinary] = await next
    assert.equal(isBinary, typeof data !== 'string')
    return (back as Buffer).toString('latin1')
  }

  const lastLog = (path: string) => waitUntil(async () => {
    const lines = (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    return lines.findLast((line) => line['path'] === path)
  })

  it('messages pass both ways, in the clear and encrypted on either side', async () => {
    for (const url of [`${plain}/room`, `${secure}/room`, `${plain}/secure`, `${secure}/secure`]) {
      const client = await open(url)
      assert.equal(await echoed(client, 'hello'), 'hello', url)
      assert.equal(await echoed(client, Buffer.from([0, 1, 255])), '\0\x01\xff', url)
      assert.equal((await echoed(client, Buffer.alloc(1_000_000, 'x'))).length, 1_000_000, url)
      client.close(4001, 'done')
      const [code, reason] = (await once(client, 'close')) as [number, Buffer]
      assert.deepEqual([code, reason.toString()], [4001, 'done'])
    }
  })

  it('the handshake tells the upstream who asks, and the client what was chosen', async () => {
    const client = new WebSocket(`${plain}/room?a=1`, ['one', 'two'], { headers: { origin: 'https://a.example', 'x-consumer-name': 'root' } })
    clients.push(client)
    const [[response]] = (await Promise.all([once(client, 'upgrade'), once(client, 'open')])) as [[IncomingMessage], unknown]
    assert.equal(client.protocol, 'two')
    assert.match(String(response.headers['x-request-id']), /^[0-9A-Z]{26}$/)
    assert.equal(response.headers['via'], '1.1 sluice')
    const { url, headers } = chat.seen.at(-1)!
    assert.equal(url, '/room?a=1')
    assert.equal(headers['sec-websocket-version'], '13')
    assert.match(String(headers['sec-websocket-extensions']), /permessage-deflate/)
    assert.equal(headers.origin, 'https://a.example')
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['x-request-id'], response.headers['x-request-id'])
    assert.equal(headers['x-consumer-name'], undefined)
  })

  it('one line of the access log tells what was carried, once it is over', async () => {
    const client = await open(`${plain}/logged`)
    await echoed(client, Buffer.alloc(70_000))
    client.close()
    await once(client, 'close')
    const line = await lastLog('/logged')
    assert.deepEqual([line['status'], line['reason'], line['method'], line['upstream']], [101, null, 'GET', 'chat'])
    assert.ok(Number(line['bytesIn']) > 70_000 && Number(line['bytesIn']) < 70_100, String(line['bytesIn']))
    assert.ok(Number(line['bytesOut']) > 70_000 && Number(line['bytesOut']) < 70_100, String(line['bytesOut']))
  })

  it('policies decide before the upstream hears of it', async () => {
    const before = chat.seen.length
    assert.equal((await refused(`${plain}/keyed`)).status, 403)
    assert.equal(chat.seen.length, before)
    await open(`${plain}/once`)
    const second = await refused(`${plain}/once`)
    assert.equal(second.status, 429)
    assert.ok(second.headers['retry-after'])
    assert.equal(chat.seen.length, before + 1)
  })

  it('an upstream that refuses has its answer passed, and the connection goes on', async () => {
    const answer = await refused(`${plain}/refuse`)
    assert.deepEqual([answer.status, answer.body, answer.headers['x-why']], [403, 'shut', 'closed'])
    const client = await RawClient.connect(under.port)
    client.send(handshake('/refuse'))
    await waitUntil(() => client.responses().some(({ isComplete }) => isComplete))
    client.send('GET /after HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
    await waitUntil(() => client.isClosed)
    assert.deepEqual(client.responses().map(({ status, body }) => `${status} ${body}`), ['403 shut', '200 plain'])
    client.destroy()
  })

  it('what is sent right behind the two heads of the handshake is carried', async () => {
    raw.script = (socket) => void socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${websocketAccept(key)}\r\n\r\nfrom upstream`)
    let seen = ''
    raw.onBytes = (_socket, text) => (seen = text)
    const client = await RawClient.connect(under.port)
    client.send(`${handshake('/raw')}from client`)
    await waitUntil(() => client.text.endsWith('\r\n\r\nfrom upstream') && seen.endsWith('from client'))
    assert.match(client.text, /^HTTP\/1\.1 101 Switching Protocols\r\n/)
    assert.equal(client.text.match(/sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK\+xOo=\r\n/gi)?.length, 1)
    client.destroy()
    raw.onBytes = () => undefined
  })

  it('a 101 that does not answer the key, or that nobody asked for, is 502', async () => {
    raw.script = (socket) => void socket.write(`HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: ${websocketAccept('wrong')}\r\n\r\n`)
    assert.equal((await refused(`${plain}/raw/wrong-key`)).status, 502)
    raw.script = (socket) => void socket.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n')
    assert.equal((await refused(`${plain}/raw/other`)).status, 502)
    assert.equal((await fetchOnce(`${under.url}/raw/unasked`)).status, 502)
  })

  it('a malformed request for one is 400, and nothing behind it is read', async () => {
    const lines = (one: string) => handshake('/room').replace(/\r\nSec-WebSocket-Key: [^\r]+/, one)
    const malformed = [
      lines(''),
      lines('\r\nSec-WebSocket-Key: short'),
      lines(`\r\nSec-WebSocket-Key: ${key}\r\nSec-WebSocket-Key: ${key}`),
      handshake('/room').replace('GET', 'POST'),
      handshake('/room').replace('\r\n\r\n', '\r\nContent-Length: 3\r\n\r\nabc'),
    ]
    for (const head of malformed) {
      const before = chat.seen.length
      const client = await RawClient.connect(under.port)
      client.send(`${head}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`)
      await waitUntil(() => client.isClosed)
      assert.deepEqual(client.responses().map(({ status, body }) => [status, /"reason":"([^"]+)"/.exec(body)?.[1]]), [[400, 'client.bad_upgrade']], head)
      assert.equal(chat.seen.length, before)
      client.destroy()
    }
  })

  it('one over which nothing comes either way for idleMs is ended, one that is in use is not', async () => {
    const [silent, lively] = [await open(`${plain}/silent`), await open(`${plain}/silent`)]
    const ended = once(silent, 'close')
    let isOver = false
    void ended.then(() => (isOver = true))
    while (!isOver) assert.equal(await echoed(lively, 'still'), 'still')
    const line = await lastLog('/silent')
    assert.deepEqual([line['status'], line['reason']], [101, 'upstream.idle_timeout'])
    assert.equal(await echoed(lively, 'and on'), 'and on')
  })

  it('a client that reads slowly holds the upstream back, and gets everything', async () => {
    const client = await open(`${plain}/slow`)
    const server = [...chat.open].at(-1)!
    client.pause()
    const piece = Buffer.alloc(64 * 1024)
    const pieces = 600
    for (let sent = 0; sent < pieces; sent++) server.send(piece)
    // What neither windows nor buffers take stays with the upstream.
    let last = -1
    await waitUntil(() => {
      const still = server.bufferedAmount === last
      last = server.bufferedAmount
      return still
    }, { everyMs: 200 })
    assert.ok(last > (pieces * piece.length) / 2, `${last} bytes wait at the upstream`)
    let received = 0
    client.on('message', (data: Buffer) => (received += data.length))
    client.resume()
    await waitUntil(() => received === pieces * piece.length, { timeoutMs: 20_000 })
  })

  it('each side learns that the other is gone', async () => {
    const client = await open(`${plain}/leaves`)
    const server = [...chat.open].at(-1)!
    const gone = once(server, 'close')
    client.terminate()
    assert.equal(((await gone) as [number])[0], 1006)

    const other = await open(`${plain}/left`)
    const left = once(other, 'close')
    ;[...chat.open].at(-1)!.terminate()
    assert.equal(((await left) as [number])[0], 1006)
  })

  /** A WebSocket by extended CONNECT (RFC 8441), and how it was answered. */
  async function openHttp2(session: ClientHttp2Session, path: string, protocol = 'websocket'): Promise<{ stream: ClientHttp2Stream; headers: IncomingHttpHeaders & { ':status'?: number } }> {
    if (!session.remoteSettings.enableConnectProtocol) await once(session, 'remoteSettings')
    const stream = session.request({ ':method': 'CONNECT', ':protocol': protocol, ':path': path, ':scheme': 'https', ':authority': 'a.example', 'sec-websocket-version': '13', 'sec-websocket-protocol': 'one, two' }, { endStream: false })
    stream.on('error', () => undefined)
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders]
    return { stream, headers }
  }

  function sessionTo(url: string): ClientHttp2Session {
    const session = connectHttp2(url.replace('ws', 'http'), { ca: made.cert })
    sessions.push(session)
    return session.on('error', () => undefined)
  }

  for (const [name, path] of [['HTTP/1.1', '/room'], ['HTTP/2', '/modern/room']] as const) {
    it(`over HTTP/2, to an upstream of ${name}`, async () => {
      for (const url of [plain, secure]) {
        const session = sessionTo(url)
        const [one, two] = await Promise.all([openHttp2(session, path), openHttp2(session, path)])
        assert.deepEqual([one.headers[':status'], one.headers['sec-websocket-protocol'], one.headers['sec-websocket-accept'], one.headers['via']], [200, 'two', undefined, '1.1 sluice'])
        for (const [stream, text] of [[one.stream, 'first'], [two.stream, 'second'], [one.stream, 'third']] as const) {
          const next = once(stream, 'data') as Promise<[Buffer]>
          stream.write(maskedText(text))
          assert.deepEqual((await next)[0], plainText(text))
        }
        const ended = once(two.stream, 'close')
        two.stream.end(Buffer.from([0x88, 0x80, 0, 0, 0, 0]))
        two.stream.resume()
        await ended
        one.stream.close()
      }
    })
  }

  it('from HTTP/1.1 to an upstream of HTTP/2', async () => {
    const client = await open(`${plain}/modern/room`, ['one', 'two'])
    assert.equal(client.protocol, 'two')
    assert.equal(await echoed(client, 'hello'), 'hello')
    assert.equal((await echoed(client, Buffer.alloc(1_000_000, 'x'))).length, 1_000_000)
    const headers = modern.seen.at(-1)!
    assert.deepEqual([headers[':method'], headers[':protocol'], headers[':path'], headers['sec-websocket-version'], headers['sec-websocket-key']], ['CONNECT', 'websocket', '/room', '13', undefined])
    client.close()
    await once(client, 'close')
  })

  it('an upstream of HTTP/2 that refuses has its answer passed, one that knows no WebSockets is told as that', async () => {
    assert.deepEqual([(await refused(`${plain}/modern/refuse`)).status, (await refused(`${plain}/older`)).status], [403, 501])
  })

  it('over HTTP/2 policies decide too, and other protocols are refused', async () => {
    const session = sessionTo(secure)
    assert.equal((await openHttp2(session, '/keyed')).headers[':status'], 403)
    assert.equal((await openHttp2(session, '/refuse')).headers[':status'], 403)
    assert.equal((await openHttp2(session, '/room', 'connect-udp')).headers[':status'], 501)
    const { stream } = await openHttp2(session, '/logged-too')
    stream.write(maskedText('hello'))
    await once(stream, 'data')
    stream.close()
    const line = await lastLog('/logged-too')
    assert.deepEqual([line['status'], line['method'], line['bytesIn'], line['bytesOut'], line['reason']], [101, 'GET', 11, 7, null])
  })

  it('a drain lets it go on until its deadline, and it is in the log', async (t) => {
    const ownPort = await freePort()
    const ends: (() => void | Promise<void>)[] = []
    t.after(async () => {
      for (const end of ends) await end()
    })
    const own = await startEdge({ after: (clearUp) => void ends.push(clearUp) }, {
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: { chat: { endpoints: [{ url: chat.url }] } },
      routes: [{ name: 'chat', match: { pathPrefix: '/' }, upstream: 'chat' }],
    }, { port: ownPort })
    const client = await open(`ws://127.0.0.1:${ownPort}/drained`)
    const closed = once(client, 'close')
    const stopped = own.edge.stop({ deadlineMs: 4000 })
    await waitUntil(() => !own.edge.health().ready)
    for (const text of ['still here', 'and still']) assert.equal(await echoed(client, text), text)
    await closed
    await stopped
    const line = (await readFile(join(own.directory, 'access.log'), 'utf8')).trim().split('\n').map((text) => JSON.parse(text) as Record<string, unknown>).find((one) => one['path'] === '/drained')
    assert.equal(line?.['status'], 101)
  })
})
