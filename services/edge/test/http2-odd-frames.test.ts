/** What comes of frames that RFC 9113 forbids: of the stream alone where that is enough, of the connection where it is not. */
import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { answer, freePort, makeCertificate, neverAnswer, startUpstream, suiteCleanup, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'
import { endHeaders, FrameClient, frameOf, goaway, requestFrame, type Frame } from './http2-frames.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['one.example.com', '127.0.0.1'] })
const [protocolError, flowControlError, streamClosed] = [1, 3, 5]

describe('odd frames', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let port: number

  before(async () => {
    upstream = await startUpstream(whole)
    port = await freePort()
    await startEdge(whole, {
      ...secureListener(port, [made]),
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'main' }],
    })
  })

  const openRaw = () => FrameClient.open(whole, port, made.cert)

  const ping = frameOf(6, 0, 0, Buffer.from('12345678'))
  const reset = (stream: number) => frameOf(3, 0, stream, Buffer.from([0, 0, 0, 8]))
  const priority = (stream: number, on: number) => frameOf(2, 0, stream, Buffer.from([0, 0, 0, on, 15]))
  const hugeWindow = (stream: number) => frameOf(8, 0, stream, Buffer.from([0x7f, 0xff, 0xff, 0xff]))
  const isReset = (wanted: number, code: number) => ({ type, stream, payload }: Frame) => type === 3 && stream === wanted && payload.readUInt32BE(0) === code
  const isGoaway = (code: number) => ({ type, payload }: Frame) => type === goaway && payload.readUInt32BE(4) === code

  const ofStream: Record<string, { frames: Buffer[]; stream: number; code: number }> = {
    'a body for a request that was taken back': { frames: [requestFrame(1, endHeaders), reset(1), frameOf(0, 1, 1, Buffer.from('late'))], stream: 1, code: streamClosed },
    'a head for a request that was taken back': { frames: [requestFrame(1, endHeaders), reset(1), requestFrame(1)], stream: 1, code: streamClosed },
    'a body behind the end of a request': { frames: [requestFrame(1), frameOf(0, 1, 1, Buffer.from('late'))], stream: 1, code: streamClosed },
    'trailers that are not the end': { frames: [requestFrame(1, endHeaders), frameOf(1, endHeaders, 1, Buffer.from([0, 1, 0x61, 1, 0x61]))], stream: 1, code: protocolError },
    'a priority that depends on itself': { frames: [requestFrame(1, endHeaders), priority(1, 1)], stream: 1, code: protocolError },
    'a window of nothing': { frames: [requestFrame(1, endHeaders), frameOf(8, 0, 1, Buffer.alloc(4))], stream: 1, code: protocolError },
    'a window beyond its limit': { frames: [requestFrame(1, endHeaders), hugeWindow(1), hugeWindow(1)], stream: 1, code: flowControlError },
    'a request without a path': { frames: [frameOf(1, 5, 1, Buffer.from([0x82, 0x87]))], stream: 1, code: protocolError },
    'a field with a line end': { frames: [frameOf(1, 5, 1, Buffer.from([0x82, 0x87, 0x84, 0, 1, 0x61, 2, 0x0d, 0x0a]))], stream: 1, code: protocolError },
  }
  for (const [what, { frames, stream, code }] of Object.entries(ofStream)) {
    it(`${what} ends that stream, and the requests around it are answered`, async () => {
      upstream.does(answer(200, 'fine'))
      const raw = await openRaw()
      raw.send(...frames, requestFrame(7), ping)
      await raw.frame(isReset(stream, code))
      await raw.answerTo(7)
      await raw.frame(({ type }) => type === 6)
      assert.ok(!raw.frames.some(({ type }) => type === goaway))
    })
  }

  const ofConnection: Record<string, { frames: Buffer[]; code: number }> = {
    'a number that is lower than the last one': { frames: [requestFrame(5), requestFrame(3)], code: protocolError },
    'a number that is even': { frames: [requestFrame(2)], code: protocolError },
    'a body of no request': { frames: [frameOf(0, 1, 1, Buffer.from('x'))], code: protocolError },
    'a priority of the whole connection': { frames: [priority(0, 1)], code: protocolError },
    'a window of the connection beyond its limit': { frames: [requestFrame(1), hugeWindow(0), hugeWindow(0)], code: flowControlError },
    'a field block that is none': { frames: [frameOf(1, 5, 1, Buffer.from([0x80]))], code: 9 },
    'a frame that is too long': { frames: [frameOf(1, 5, 1, Buffer.alloc(16_385))], code: 6 },
  }
  for (const [what, { frames, code }] of Object.entries(ofConnection)) {
    it(`${what} ends the connection, and nothing behind it is heard`, async () => {
      upstream.does(neverAnswer())
      const raw = await openRaw()
      const before = upstream.requests.length
      raw.send(...frames, requestFrame(7))
      await raw.frame(isGoaway(code))
      await raw.ended
      assert.ok(upstream.requests.length - before <= 1)
    })
  }

  it('frames for a request that is answered: a body ends what is closed once more, a head the connection', async () => {
    upstream.does(answer(200, 'fine'))
    const raw = await openRaw()
    raw.send(requestFrame(1))
    await raw.answerTo(1)
    const before = upstream.requests.length
    raw.send(frameOf(0, 1, 1, Buffer.from('late')))
    await raw.frame(isReset(1, streamClosed))
    raw.send(requestFrame(1), requestFrame(3))
    await raw.frame(isGoaway(streamClosed))
    await raw.ended
    assert.equal(upstream.requests.length, before)
  })

  it('the answer to a PING that was never sent, and frames that nobody knows, are passed over', async () => {
    upstream.does(answer(200, 'fine'))
    const raw = await openRaw()
    raw.send(frameOf(6, 1, 0, Buffer.from('12345678')), frameOf(0x99, 0xff, 0, Buffer.from('anything')), priority(3, 1), requestFrame(5))
    await raw.answerTo(5)
  })
})
