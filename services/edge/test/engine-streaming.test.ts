import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import type { Socket } from 'node:net'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { fetchOnce, suiteCleanup, waitUntil } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'
import { RawClient } from './raw-client.ts'
import { plainAnswer, RawUpstream } from './raw-upstream.ts'

const bodyBytes = 200 * 1024 * 1024
const allowedGrowthMb = 64
/** What sockets of clients read is collected every 64 MB or so; memory for upstreams' responses is used again. */
const allowedUploadGrowthMb = 96
const piece = Buffer.alloc(64 * 1024, 'x')

describe('the engine streams', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: RawUpstream
  let under: EdgeUnderTest

  before(async () => {
    upstream = await RawUpstream.start(whole)
    under = await startEdge(whole, {
      telemetry: { accessLog: { file: 'access.log' } },
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'main', match: { pathPrefix: '/' }, upstream: 'main', policies: [{ 'request-limits': { maxBodyBytes: bodyBytes } }] }],
    })
  })

  const workerRssMb = () => Number(execFileSync('ps', ['-o', 'rss=', '-p', String(under.edge.workerPids[0])], { encoding: 'utf8' })) / 1024

  /** The most that the worker's memory grew by while `work` ran. */
  async function growthDuring(work: () => Promise<void>): Promise<number> {
    const before = workerRssMb()
    let most = before
    const watch = setInterval(() => (most = Math.max(most, workerRssMb())), 100)
    await work().finally(() => clearInterval(watch))
    return Math.max(most, workerRssMb()) - before
  }

  it('200 MB to a client that stops again and again, in bounded memory', async () => {
    upstream.script = (socket) => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes}\r\n\r\n`)
      writeMuch(socket, bodyBytes)
    }
    const client = await RawClient.connect(under.port)
    client.socket.removeAllListeners('data')
    let received = 0
    let untilPause = 0
    client.socket.on('data', (chunk: Buffer) => {
      received += chunk.length
      untilPause += chunk.length
      if (untilPause < 8 * 1024 * 1024) return
      untilPause = 0
      client.socket.pause()
      setTimeout(() => client.socket.resume(), 20)
    })
    const growth = await growthDuring(async () => {
      client.send('GET /down HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n')
      await waitUntil(() => client.isClosed, { timeoutMs: 30_000, what: 'the whole response' })
    })
    assert.ok(received > bodyBytes && received < bodyBytes + 1000, `${received} bytes`)
    assert.ok(growth < allowedGrowthMb, `the worker grew by ${growth.toFixed(0)} MB`)
  })

  for (const framing of ['Content-Length', 'Transfer-Encoding'] as const) it(`200 MB to an upstream that stops again and again, in bounded memory, by ${framing}`, async () => {
    let seen = 0
    let untilPause = 0
    const taken = countBody(upstream, (bytes, socket) => {
      seen += bytes
      untilPause += bytes
      if (untilPause < 8 * 1024 * 1024) return
      untilPause = 0
      socket.pause()
      setTimeout(() => socket.resume(), 20)
    })
    const client = await RawClient.connect(under.port)
    const growth = await growthDuring(async () => {
      const isChunked = framing === 'Transfer-Encoding'
      client.send(`POST /up HTTP/1.1\r\nHost: a\r\n${isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${bodyBytes}`}\r\n\r\n`)
      await sendMuch(client.socket, bodyBytes, isChunked)
      await waitUntil(() => seen >= bodyBytes, { timeoutMs: 30_000, what: 'the whole body' })
    })
    taken.stop()
    client.destroy()
    assert.ok(growth < allowedUploadGrowthMb, `the worker grew by ${growth.toFixed(0)} MB`)
  })

  const lastLog = (path: string) => waitUntil(async () => {
    const lines = (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
    return lines.findLast((line) => line['path'] === path)
  })

  it('a client that leaves in the middle of its body is logged as 499, and the endpoint is still good', async () => {
    upstream.script = plainAnswer
    let isGone = false
    upstream.onBytes = (socket) => void socket.once('close', () => (isGone = true))
    const client = await RawClient.connect(under.port)
    client.send('POST /leaver HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\npart')
    await waitUntil(() => [...upstream.sockets].length > 0)
    client.destroy()
    const line = await lastLog('/leaver')
    assert.deepEqual([line['status'], line['reason']], [499, 'client.aborted'])
    await waitUntil(() => isGone)
    upstream.onBytes = () => undefined
    assert.equal((await fetchOnce(`${under.url}/after`)).body, 'ok')
  })

  it('a response that comes while the body is still on its way reaches the client whole', async () => {
    upstream.onBytes = (socket, text) => {
      if (text.includes('/early')) socket.end('HTTP/1.1 413 Content Too Large\r\nContent-Length: 7\r\nConnection: close\r\n\r\ntoo big')
      upstream.onBytes = () => undefined
    }
    const client = await RawClient.connect(under.port)
    client.send('POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\npart')
    await waitUntil(() => client.isClosed)
    assert.deepEqual(client.responses().map(({ status, body, isComplete }) => ({ status, body, isComplete })), [{ status: 413, body: 'too big', isComplete: true }])
    client.destroy()
  })

  it('an upstream that closes each connection behind its answer, without a word, is noticed by nobody', async () => {
    upstream.script = (socket) => {
      plainAnswer(socket, { text: '', connection: 0 })
      setImmediate(() => socket.end())
    }
    const statuses = await Promise.all(Array.from({ length: 8 }, async () => {
      const seen: number[] = []
      for (let count = 0; count < 50; count++) seen.push((await fetchOnce(`${under.url}/closing`)).status)
      return seen
    }))
    assert.deepEqual([...new Set(statuses.flat())], [200])
  })
})

/** Writes as fast as the other side takes it. */
function writeMuch(socket: Socket, bytes: number): void {
  let left = bytes
  const more = (): void => {
    while (left > 0) {
      const next = left >= piece.length ? piece : piece.subarray(0, left)
      left -= next.length
      if (!socket.write(next)) {
        socket.once('drain', more)
        return
      }
    }
  }
  more()
}

async function sendMuch(socket: Socket, bytes: number, isChunked: boolean): Promise<void> {
  for (let left = bytes; left > 0; left -= piece.length) {
    if (isChunked) socket.write(`${piece.length.toString(16)}\r\n`)
    const roomy = socket.write(piece)
    if (isChunked) socket.write('\r\n')
    if (!roomy) await new Promise((resolve) => socket.once('drain', resolve))
  }
  if (isChunked) socket.write('0\r\n\r\n')
}

/** Instead of gathering what comes over new connections, tells how much it is. */
function countBody(upstream: RawUpstream, onBytes: (bytes: number, socket: Socket) => void): { stop(): void } {
  const before = upstream.onBytes
  upstream.onBytes = (socket, text) => {
    onBytes(text.length - text.indexOf('\r\n\r\n') - 4, socket)
    socket.removeAllListeners('data')
    socket.on('data', (chunk: Buffer) => onBytes(chunk.length, socket))
  }
  return { stop: () => (upstream.onBytes = before) }
}
