import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import { it } from 'node:test'
import type { ClientSide } from '../src/listener/client-side.ts'
import { EngineConnection } from '../src/listener/engine-connection.ts'
import { engineLimits } from '../src/listener/engine-limits.ts'
import { readCorpus } from './corpus.ts'

/** Longer cases say nothing that the shorter ones do not. */
const shortBytes = 400

/** What an engine's connection needs of a socket, without a network. */
class BareSocket extends Duplex {
  readonly remoteAddress = '192.0.2.1'
  readonly localPort = 8000
  written = ''

  constructor() {
    super({ allowHalfOpen: true, decodeStrings: false })
  }

  override _read(): void {}

  override _write(chunk: Buffer | string, _encoding: BufferEncoding, done: () => void): void {
    this.written += typeof chunk === 'string' ? chunk : chunk.toString('latin1')
    done()
  }

  setNoDelay(): this {
    return this
  }
}

interface Seen {
  /** Without what each response has of its own. */
  readonly output: string
  readonly exchanges: readonly string[]
  readonly isEnded: boolean
}

/** Answers each request with what it was, once its body is there; a malformed one with 400. */
function answerWhole(client: ClientSide, exchanges: string[]): void {
  const end = (status: number, text: string): void => {
    client.sendHead(status, ['Content-Length', String(text.length)], false)
    client.end(Buffer.from(text, 'latin1'))
  }
  let failed = false
  client.watcher = {
    onClientGone: () => undefined,
    onClientDrain: () => undefined,
    onBadBody: (code) => {
      failed = true
      exchanges.push(`${client.method} ${client.target} ${code}`)
      end(400, code)
    },
  }
  const parts: Buffer[] = []
  const body = client.body(() => true)
  body.on('data', (piece: Buffer) => parts.push(piece))
  body.on('end', () => {
    if (failed) return
    const text = `${client.method} ${client.target} ${Buffer.concat(parts).toString('latin1')}`
    exchanges.push(text)
    end(200, text)
  })
}

async function feed(bytes: string, cut: number): Promise<Seen> {
  const socket = new BareSocket()
  const exchanges: string[] = []
  new EngineConnection(socket as unknown as Socket, {
    limits: () => engineLimits,
    lifetime: () => ({ maxMs: Infinity, maxRequests: 0 }),
    encrypted: false,
    healthPath: () => undefined,
    isServing: () => true,
    isDraining: () => false,
    onExchange: (client) => answerWhole(client, exchanges),
    onClosed: () => undefined,
    requestId: () => 'id',
  })
  for (const part of [bytes.slice(0, cut), bytes.slice(cut)]) {
    if (part !== '') socket.push(Buffer.from(part, 'latin1'))
    await settled(socket)
  }
  const seen = { output: socket.written.replace(/Date: [^\r]+\r\n/g, ''), exchanges, isEnded: socket.writableEnded }
  socket.destroy()
  return seen
}

/** Streams hand on by ticks: some turns of the loop without a change mean that nothing more comes. */
async function settled(socket: BareSocket): Promise<void> {
  for (let turns = 0, before = ''; turns < 3; turns++) {
    before = socket.written
    await new Promise(setImmediate)
    if (socket.written !== before) turns = 0
  }
}

it('every case of the corpus, cut at every byte, is the same exchanges and the same answers', async () => {
  const cases = readCorpus('requests').filter(({ bytes }) => bytes.length <= shortBytes && !bytes.includes('Expect:'))
  assert.ok(cases.length > 250, `${cases.length} cases`)
  for (const { title, bytes } of cases) {
    const whole = await feed(bytes, bytes.length)
    const cuts = Array.from({ length: bytes.length - 1 }, (_, index) => index + 1)
    await Promise.all(cuts.map(async (cut) => assert.deepEqual(await feed(bytes, cut), whole, `${title}, cut at ${cut}`)))
  }
})
