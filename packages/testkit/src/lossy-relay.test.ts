import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, createServer, type AddressInfo } from 'node:net'
import { test, type TestContext } from 'node:test'
import { freePort } from './free-port.ts'
import { LossyRelay, type Cut, type Splitter } from './lossy-relay.ts'
import { waitUntil } from './wait-until.ts'

/** A relay in front of a server that answers all it gets, and what that has got. */
async function start(t: TestContext, splitter?: () => Splitter) {
  let got = ''
  const server = createServer((socket) => {
    socket.on('error', () => {}).on('data', (data: Buffer) => {
      got += data.toString()
      socket.write(`answer to ${data.toString()}`)
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const relay = new LossyRelay(await freePort(), `127.0.0.1:${(server.address() as AddressInfo).port}`, splitter)
  await relay.open()
  t.after(async () => {
    await relay.close()
    await new Promise((resolve) => server.close(resolve))
  })
  return { relay, got: () => got }
}

/** What comes back for `text`, and whether the connection has ended. */
function ask(t: TestContext, port: number, text: string) {
  const seen = { text: '', isOver: false }
  const socket = connect(port, '127.0.0.1', () => socket.write(text))
  socket.on('error', () => {}).on('close', () => (seen.isOver = true)).on('data', (data: Buffer) => (seen.text += data.toString()))
  t.after(() => void socket.destroy())
  return seen
}

test('what nobody wants lost passes both ways', async (t) => {
  const { relay } = await start(t)
  const seen = ask(t, relay.port, 'hello')
  await waitUntil(() => seen.text === 'answer to hello')
})

for (const [cut, reaches] of [['before', ''], ['after', 'hello']] as const satisfies [Cut, string][]) {
  test(`cut ${cut} a piece is passed on, its server has ${reaches === '' ? 'nothing' : 'all'} of it, and its client no answer`, async (t) => {
    const { relay, got } = await start(t)
    relay.onPiece = async () => cut
    const seen = ask(t, relay.port, 'hello')
    await waitUntil(() => seen.isOver)
    assert.deepEqual([seen.text, got()], ['', reaches])
  })
}

test('a splitter says what a piece is', async (t) => {
  const { relay } = await start(t, () => (data) => data.toString().match(/[^;]*;/g)!.map((piece) => Buffer.from(piece)))
  const pieces: string[] = []
  relay.onPiece = (piece) => (pieces.push(piece.toString()), pieces.length === 2 ? 'before' : 'none')
  const seen = ask(t, relay.port, 'one;two;')
  await waitUntil(() => seen.isOver)
  assert.deepEqual(pieces, ['one;', 'two;'])
})

test('a mute relay passes nothing on and closes nothing', async (t) => {
  let arrived = ''
  const { relay, got } = await start(t, () => (data) => ((arrived += data.toString()), [data]))
  relay.isMute = true
  const socket = connect(relay.port, '127.0.0.1', () => socket.write('lost'))
  t.after(() => void socket.destroy())
  let answer = ''
  socket.on('data', (data: Buffer) => (answer += data.toString()))
  await waitUntil(() => arrived === 'lost')
  relay.isMute = false
  socket.write('heard')
  await waitUntil(() => answer === 'answer to heard')
  assert.equal(got(), 'heard')
})
