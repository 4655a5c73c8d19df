import assert from 'node:assert/strict'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { ListenOptions } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { it, type TestContext } from 'node:test'
import type { RevisionDocumentInput } from '@sluice/proto/config'
import { answer, fetchOnce, freePort, runProcess, startUpstream, waitUntil } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

async function folder(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-addresses-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** An upstream that closes each connection behind its response, so that each request opens one. */
async function serveAt(t: TestContext, target: ListenOptions): Promise<Server & { seen: string[] }> {
  const seen: string[] = []
  const server = createServer((request: IncomingMessage, response: ServerResponse) => {
    seen.push(`${request.headers.host} ${request.headers['x-forwarded-for']} ${request.headers['forwarded']}`)
    response.writeHead(200, { connection: 'close' }).end('served')
  })
  server.listen(target)
  await once(server, 'listening')
  t.after(() => {
    server.closeAllConnections()
    server.close()
  })
  return Object.assign(server, { seen })
}

const documentFor = (address: string, url: string): Partial<RevisionDocumentInput> => ({
  listeners: { http: { address } },
  telemetry: { accessLog: { file: 'access.log' } },
  upstreams: { main: { endpoints: [{ url }] } },
  routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
})

const metric = async (under: EdgeUnderTest, name: string) => (await under.edge.metricsSnapshot()).find((one) => one.name === name)?.series.reduce((sum, { value }) => sum + value, 0) ?? 0

it('clients connect to a Unix socket that all workers share, and its file goes with the edge', async (t) => {
  const directory = await folder(t)
  const path = join(directory, 'edge.sock')
  const upstream = await startUpstream(t)
  upstream.does(answer(200, 'fine'))
  const under = await startEdge(t, documentFor(`unix:${path}`, upstream.url), { workers: 2 })
  for (let count = 0; count < 4; count++) assert.equal((await fetchOnce('http://localhost/x', { socketPath: path })).body, 'fine')
  const { headers } = upstream.requests[0]!
  assert.deepEqual([headers['x-forwarded-for'], headers['x-forwarded-port'], headers['forwarded']], ['unknown', '80', 'for=unknown;host=localhost;proto=http'])
  await fetchOnce('http://localhost/x', { socketPath: path, headers: { 'x-forwarded-for': '203.0.113.9' } })
  assert.equal(upstream.requests.at(-1)!.headers['x-forwarded-for'], '203.0.113.9, unknown', 'whoever may open the socket is believed')
  await under.edge.stop({ deadlineMs: 500 })
  assert.equal(existsSync(path), false)
})

it('the file of a Unix socket that was left behind is taken over, one that somebody listens at is not', async (t) => {
  const directory = await folder(t)
  const path = join(directory, 'edge.sock')
  await runProcess(t, process.execPath, ['-e', `require('node:net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`])
  assert.equal(existsSync(path), true)
  const upstream = await startUpstream(t)
  upstream.does(answer(200, 'fine'))
  const under = await startEdge(t, documentFor(`unix:${path}`, upstream.url))
  assert.equal((await fetchOnce('http://localhost/x', { socketPath: path })).status, 200)

  const taken = join(directory, 'taken.sock')
  await serveAt(t, { path: taken })
  const report = await under.apply(documentFor(`unix:${taken}`, upstream.url))
  assert.match(report.refusal?.detail ?? '', /taken\.sock is in use by another process; change listeners\.http\.address or free it/)
  assert.equal((await fetchOnce('http://localhost/x', { socketPath: taken })).body, 'served')
})

it('an edge is told how to move from one address of a port to all of them', async (t) => {
  const upstream = await startUpstream(t, answer(200, 'fine'))
  const [port, between] = [await freePort(), await freePort()]
  const at = (address: string) => documentFor(address, upstream.url)
  const under = await startEdge(t, at(`127.0.0.1:${port}`), { workers: 2 })
  const status = async (host: string) => (await fetchOnce(`http://${host}:${port}/x`).catch(() => ({ status: 0 }))).status
  const { refusal } = await under.apply(at(`:${port}`))
  assert.equal(refusal?.detail, `:${port} cannot be opened while this edge listens at 127.0.0.1:${port}; move listeners.http.address to another port first, or set SLUICE_LISTEN_HTTP and start the edge again`)
  assert.equal(await status('127.0.0.1'), 200)
  assert.equal((await under.apply(at(`127.0.0.1:${between}`))).refusal, undefined)
  await waitUntil(async () => (await status('127.0.0.1')) === 0)
  assert.equal((await under.apply(at(`:${port}`))).refusal, undefined)
  for (let count = 0; count < 4; count++) assert.deepEqual([await status('127.0.0.1'), await status('127.0.0.2')], [200, 200])
})

it('an upstream may be a Unix socket', async (t) => {
  const path = join(await folder(t), 'upstream.sock')
  const server = await serveAt(t, { path })
  const port = await freePort()
  const under = await startEdge(t, documentFor(`127.0.0.1:${port}`, `unix:${path}`), { port })
  const response = await fetchOnce(`${under.url}/x`, { headers: { host: 'api.example.com' } })
  assert.deepEqual([response.status, response.body], [200, 'served'])
  assert.match(server.seen[0]!, /^api\.example\.com 127\.0\.0\.1/)
  server.close()
  await waitUntil(async () => (await fetchOnce(`${under.url}/x`)).status !== 200)
  const gone = await fetchOnce(`${under.url}/x`)
  assert.ok(gone.status === 502 || gone.status === 503, String(gone.status))
})

it('listeners and upstreams may have IPv6 addresses, and the client is logged and forwarded as one', async (t) => {
  const upstreamPort = await freePort()
  const server = await serveAt(t, { host: '::1', port: upstreamPort })
  const port = await freePort()
  const under = await startEdge(t, documentFor(`[::1]:${port}`, `http://[::1]:${upstreamPort}`), { port })
  assert.deepEqual(under.edge.addresses, [`http://[::1]:${port}`])
  assert.equal((await fetchOnce(`http://[::1]:${port}/x`)).body, 'served')
  assert.equal(server.seen[0]!.split(' ', 2).join(' '), `[::1]:${port} ::1`)
  const line = await waitUntil(async () => JSON.parse((await readFile(join(under.directory, 'access.log'), 'utf8')).split('\n')[0]!) as Record<string, unknown>)
  assert.equal(line['client'], '::1')
})

/** A name server that gives every name the addresses ::1 and 127.0.0.1. */
async function nameServer(t: TestContext) {
  const socket = createSocket('udp4')
  const seen = { asked: 0, isAway: false }
  t.after(() => new Promise<void>((resolve) => socket.close(() => resolve())))
  socket.on('message', (question, peer) => {
    seen.asked++
    if (seen.isAway) return
    const end = question.indexOf(0, 12) + 5
    const address = question.readUInt16BE(end - 4) === 28 ? [0, 28, 0, 1, 0, 0, 0, 60, 0, 16, ...Array<number>(15).fill(0), 1] : [0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 127, 0, 0, 1]
    const head = Buffer.from([question[0]!, question[1]!, 0x81, 0x80, 0, 1, 0, 1, 0, 0, 0, 0])
    socket.send(Buffer.concat([head, question.subarray(12, end), Buffer.from([0xc0, 0x0c, ...address])]), peer.port, peer.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return Object.assign(seen, { address: `127.0.0.1:${socket.address().port}` })
}

it('of the addresses of a name the first that takes connections is used', async (t) => {
  const names = await nameServer(t)
  const upstreamPort = await freePort()
  await serveAt(t, { host: '127.0.0.1', port: upstreamPort })
  const port = await freePort()
  const under = await startEdge(t, documentFor(`127.0.0.1:${port}`, `http://users.test:${upstreamPort}`), { port, dnsServers: [names.address] })
  assert.equal((await fetchOnce(`${under.url}/x`)).body, 'served')
  assert.ok(names.asked >= 2, 'both families were asked for')
})

it('while no name server answers, the last good answer is used', async (t) => {
  const names = await nameServer(t)
  const upstreamPort = await freePort()
  await serveAt(t, { host: '127.0.0.1', port: upstreamPort })
  const port = await freePort()
  const under = await startEdge(t, documentFor(`127.0.0.1:${port}`, `http://users.test:${upstreamPort}`), { port, dnsServers: [names.address] })
  assert.equal((await fetchOnce(`${under.url}/x`)).status, 200)
  names.isAway = true
  await waitUntil(async () => {
    assert.equal((await fetchOnce(`${under.url}/x`)).status, 200)
    return (await metric(under, 'sluice_name_resolution_failures_total')) > 0
  }, { timeoutMs: 30_000, everyMs: 100, what: 'a question to go unanswered' })
  for (let count = 0; count < 5; count++) assert.equal((await fetchOnce(`${under.url}/x`)).status, 200)
})
