import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect as connectHttp2 } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import { answer, freePort, makeCertificate, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { fieldOf, readResponses } from './raw-client.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['one.example.com', '127.0.0.1'] })
const proxy = '127.0.0.1'
const stranger = '127.0.0.2'

const version1 = (address: string) => Buffer.from(`PROXY ${address.includes(':') ? 'TCP6' : 'TCP4'} ${address} ${address} 40000 443\r\n`)
const version2 = (address: string, more = Buffer.alloc(0)) => {
  const ends = Buffer.from([...address.split('.').map(Number), 127, 0, 0, 1, 0x9c, 0x40, 1, 0xbb])
  return Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n\x21\x11', 'latin1'), Buffer.from([0, ends.length + more.length]), ends, more])
}
const get = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nHost: one.example.com\r\n${more}\r\n`

describe('an edge behind a proxy that speaks the PROXY protocol', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let under: EdgeUnderTest
  let port: number
  let securePort: number

  before(async () => {
    upstream = await startUpstream(whole)
    upstream.does(answer(200, 'fine'))
    port = await freePort()
    securePort = await freePort()
    const { listeners, secrets } = secureListener(securePort, [made], { proxyProtocol: true })
    under = await startEdge(whole, {
      listeners: { ...listeners, http: { address: `127.0.0.1:${port}`, proxyProtocol: true, maxConnectionsPerAddress: 2, healthPath: '/health', delaySeconds: 0 } },
      secrets: secrets ?? {},
      trustedProxies: [proxy],
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'all', match: { pathPrefix: '/' }, upstream: 'main' },
        { name: 'limited', match: { path: '/limited' }, upstream: 'main', policies: [{ 'rate-limit': { limit: 1, key: 'ip', mode: 'local' } }] },
      ],
    })
  })

  /** A connection from `localAddress`; what came is in `text`. */
  async function open(localAddress: string, to = port) {
    const socket = connect({ port: to, host: '127.0.0.1', localAddress })
    whole.after(() => void socket.destroy())
    return watch(socket)
  }

  function watch(socket: Socket) {
    const seen = { socket, text: '', isClosed: false }
    socket.on('data', (chunk: Buffer) => (seen.text += chunk.toString('latin1')))
    socket.on('error', () => undefined)
    socket.on('close', () => (seen.isClosed = true))
    return seen
  }

  const response = (seen: { text: string; isClosed: boolean }) => waitUntil(() => readResponses(seen.text, seen.isClosed, []).find(({ isComplete }) => isComplete), { everyMs: 2, what: 'a response' })
  const lastLog = (path: string) =>
    waitUntil(async () => {
      const lines = (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
      return lines.findLast((line) => line['path'] === path)
    })
  const refusedFor = async (reason: string) => (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_connections_refused_total')?.series.find(({ values }) => values.includes(reason))?.value ?? 0

  async function encrypted(header: Buffer, ALPNProtocols: string[]): Promise<TLSSocket> {
    const { socket } = await open(proxy, securePort)
    socket.write(header)
    const secure = connectTls({ socket, ca: made.cert, servername: 'one.example.com', ALPNProtocols })
    await once(secure, 'secureConnect')
    return secure
  }

  for (const [name, header, address] of [
    ['version 1', version1('203.0.113.9'), '203.0.113.9'],
    ['version 1 with IPv6', version1('2001:db8::9'), '2001:db8::9'],
    ['version 2', version2('203.0.113.10', Buffer.from([4, 0, 1, 0])), '203.0.113.10'],
  ] as const) {
    it(`the client that ${name} names is logged, forwarded and believed`, async () => {
      const path = `/${name.replaceAll(' ', '-')}`
      const seen = await open(proxy)
      seen.socket.write(Buffer.concat([header, Buffer.from(get(path, 'X-Forwarded-For: 198.51.100.1\r\n'))]))
      assert.equal((await response(seen)).status, 200)
      assert.equal((await lastLog(path))['client'], address)
      // Who stands behind the proxy is no proxy: what it writes there is not believed.
      assert.equal(upstream.requests.at(-1)!.headers['x-forwarded-for'], address)
    })
  }

  it('a header may come byte by byte', async () => {
    const seen = await open(proxy)
    for (const byte of version2('203.0.113.11')) {
      seen.socket.write(Buffer.from([byte]))
      await new Promise(setImmediate)
    }
    seen.socket.write(get('/by-bytes'))
    assert.equal((await response(seen)).status, 200)
    assert.equal((await lastLog('/by-bytes'))['client'], '203.0.113.11')
  })

  it('limits count by the client that is named', async () => {
    const status = async (address: string) => {
      const seen = await open(proxy)
      seen.socket.write(Buffer.concat([version1(address), Buffer.from(get('/limited', 'Connection: close\r\n'))]))
      return (await response(seen)).status
    }
    assert.deepEqual([await status('203.0.113.20'), await status('203.0.113.20'), await status('203.0.113.21')], [200, 429, 200])
  })

  it('the connections of the client that is named are counted, not those of the proxy', async () => {
    const held = []
    for (const address of ['203.0.113.30', '203.0.113.30', '203.0.113.31', '203.0.113.32']) {
      const seen = await open(proxy)
      seen.socket.write(Buffer.concat([version1(address), Buffer.from(get('/held'))]))
      assert.equal((await response(seen)).status, 200)
      held.push(seen)
    }
    const third = await open(proxy)
    third.socket.write(Buffer.concat([version1('203.0.113.30'), Buffer.from(get('/held'))]))
    const refused = await response(third)
    assert.equal(refused.status, 503)
    assert.ok(refused.body.includes('client.too_many_connections'))
    for (const { socket } of held) socket.destroy()
  })

  it('a header stands before TLS, and both protocols inside know the client', async () => {
    const http1 = await encrypted(version2('203.0.113.40'), ['http/1.1'])
    const seen = watch(http1)
    http1.write(get('/secure-1'))
    assert.equal((await response(seen)).status, 200)
    assert.equal((await lastLog('/secure-1'))['client'], '203.0.113.40')

    const secure = await encrypted(version1('203.0.113.41'), ['h2'])
    const session = connectHttp2('https://one.example.com', { createConnection: () => secure })
    session.on('error', () => undefined)
    const stream = session.request({ ':path': '/secure-2' })
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }]
    assert.equal(headers[':status'], 200)
    assert.equal((await lastLog('/secure-2'))['client'], '203.0.113.41')
    session.destroy()
  })

  it('a connection of the proxy itself is the proxy', async () => {
    const seen = await open(proxy)
    seen.socket.write(`PROXY UNKNOWN\r\n${get('/health', 'Connection: close\r\n')}`)
    assert.equal((await response(seen)).status, 200)
    const local = await open(proxy)
    local.socket.write(Buffer.concat([Buffer.from('\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0', 'latin1'), Buffer.from(get('/itself'))]))
    assert.equal((await response(local)).status, 200)
    assert.equal((await lastLog('/itself'))['client'], proxy)
  })

  it('without a header, with a broken one or with none in time, a trusted peer is closed and counted', async () => {
    const before = await refusedFor('proxy_header')
    const [plain, broken, mute] = [await open(proxy), await open(proxy), await open(proxy)]
    plain.socket.write(get('/without'))
    broken.socket.write('PROXY TCP4 203.0.113.9 10.0.0.1 12345\r\n')
    mute.socket.write('PROXY TCP4 203.')
    await waitUntil(() => plain.isClosed && broken.isClosed && mute.isClosed, { timeoutMs: 20_000, what: 'all three to be closed' })
    assert.equal(plain.text + broken.text + mute.text, '')
    await waitUntil(async () => (await refusedFor('proxy_header')) === before + 3)
  })

  it('a peer that is not trusted speaks for itself, and its header is no request', async () => {
    const seen = await open(stranger)
    seen.socket.write(get('/stranger'))
    assert.equal((await response(seen)).status, 200)
    assert.equal((await lastLog('/stranger'))['client'], stranger)
    for (const [address, header] of [['127.0.0.3', version1('203.0.113.50')], ['127.0.0.4', version2('203.0.113.50')]] as const) {
      const liar = await open(address)
      liar.socket.write(Buffer.concat([header, Buffer.from(get('/liar'))]))
      const refused = await response(liar)
      assert.equal(refused.status, 400)
      assert.equal(fieldOf(refused.fields, 'connection'), 'close')
    }
  })

  it('requests that are pipelined behind the header are answered in order', async () => {
    const seen = await open(proxy)
    seen.socket.write(Buffer.concat([version1('203.0.113.60'), Buffer.from(get('/a') + get('/b') + get('/c', 'Connection: close\r\n'))]))
    await waitUntil(() => seen.isClosed)
    assert.deepEqual(readResponses(seen.text, true, []).map(({ status }) => status), [200, 200, 200])
  })
})
