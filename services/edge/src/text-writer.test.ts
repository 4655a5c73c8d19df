import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { test, type TestContext } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { TextWriter } from './text-writer.ts'

/** A connection whose far end reads nothing before it is told to. */
async function pair(t: TestContext): Promise<{ near: Socket; far: Socket; throughStream: () => number }> {
  const server = createServer({ pauseOnConnect: true }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
  const [[far]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [[Socket], unknown]
  near.on('error', () => undefined)
  far.on('error', () => undefined)
  t.after(() => {
    near.destroy()
    far.destroy()
    server.close()
  })
  let count = 0
  const write = near.write.bind(near)
  near.write = ((...given: Parameters<Socket['write']>) => {
    count++
    return write(...given)
  }) as Socket['write']
  return { near, far, throughStream: () => count }
}

test('a short text leaves at once, and the stream hears nothing of it', async (t) => {
  const { near, far, throughStream } = await pair(t)
  new TextWriter(near, false).write('h\xe9')
  assert.equal(throughStream(), 0)
  const [piece] = (await once(far.resume(), 'data')) as [Buffer]
  assert.deepEqual([...piece], [0x68, 0xe9])
})

test('under TLS a text goes through the stream, and so does a long one', async (t) => {
  const { near, throughStream } = await pair(t)
  new TextWriter(near, true).write('x')
  new TextWriter(near, false).write('x'.repeat(16 * 1024 + 1))
  assert.equal(throughStream(), 2)
})

test('what the reader does not take in time arrives whole and in order, whoever wrote it', async (t) => {
  const { near, far } = await pair(t)
  const writer = new TextWriter(near, false)
  let written = ''
  for (let index = 0; !near.writableNeedDrain; index++) {
    const text = `${index}:`.padEnd(9000, '.')
    if (index % 5 === 4) near.write(text, 'latin1')
    else writer.write(text)
    written += text
  }
  near.end()
  let read = ''
  far.setEncoding('latin1').on('data', (piece: string) => (read += piece)).resume()
  await once(far, 'end')
  assert.ok(read === written, `${read.length} of ${written.length} characters`)
})

test('a connection whose far end is gone ends with the error of the write', async (t) => {
  const { near, far } = await pair(t)
  near.pause()
  far.resetAndDestroy()
  const writer = new TextWriter(near, false)
  await waitUntil(() => {
    writer.write('x')
    return near.destroyed
  })
  assert.match((near.errored as NodeJS.ErrnoException).code ?? '', /^(EPIPE|ECONNRESET)$/)
})

test('whole messages of one turn leave at its end, and what is written at once comes behind them', async (t) => {
  const { near, far } = await pair(t)
  const writer = new TextWriter(near, false)
  writer.writeSoon('1')
  writer.writeSoon('2')
  assert.ok(writer.isHolding)
  writer.write('3')
  assert.ok(!writer.isHolding)
  writer.writeSoon('4')
  writer.flush()
  near.write('5', 'latin1')
  writer.writeSoon('6')
  let read = ''
  far.setEncoding('latin1').on('data', (piece: string) => (read += piece)).resume()
  await waitUntil(() => read === '123456')
  assert.ok(!writer.isHolding)
})

test('however many connections hold something, each gets its own', async (t) => {
  const pairs = await Promise.all(Array.from({ length: 40 }, () => pair(t)))
  const read = pairs.map(({ far }) => once(far.setEncoding('latin1').resume(), 'data'))
  for (const [index, { near }] of pairs.entries()) new TextWriter(near, index % 2 === 1).writeSoon(`to ${index}`)
  assert.deepEqual((await Promise.all(read)).map(([text]) => text), pairs.map((_, index) => `to ${index}`))
})

test('what is held for a connection that goes meanwhile goes with it', async (t) => {
  const { near, throughStream } = await pair(t)
  const writer = new TextWriter(near, false)
  writer.writeSoon('x')
  near.destroy()
  writer.flush()
  assert.ok(!writer.isHolding)
  assert.equal(throughStream(), 0)
})

test('what is too long to be held is not', async (t) => {
  const { near, far } = await pair(t)
  const writer = new TextWriter(near, false)
  writer.writeSoon('a')
  writer.writeSoon('b'.repeat(16 * 1024))
  assert.ok(!writer.isHolding)
  let read = ''
  far.setEncoding('latin1').on('data', (piece: string) => (read += piece)).resume()
  await waitUntil(() => read.length === 16 * 1024 + 1)
  assert.ok(read.startsWith('ab'))
})
