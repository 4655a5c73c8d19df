/** What comes of frames that RFC 9113 forbids or leaves open, and that h2spec judges otherwise: docs/decisions/0016. */
import assert from 'node:assert/strict'
import { after, before, describe, it } from 'node:test'
import { answer, freePort, makeCertificate, neverAnswer, startUpstream, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge } from './edge-harness.ts'
import { endHeaders, FrameClient, frameOf, requestFrame } from './http2-frames.ts'
import { secureListener } from './secure-listener.ts'

const made = makeCertificate({ names: ['one.example.com', '127.0.0.1'] })

describe('odd frames', { concurrency: false }, () => {
  const cleanups: (() => void | Promise<void>)[] = []
  const whole = { after: (clearUp: () => void | Promise<void>) => void cleanups.push(clearUp) }
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
  after(async () => {
    for (const clearUp of cleanups.reverse()) await clearUp()
  })

  const openRaw = () => FrameClient.open(whole, port, made.cert)

  const ping = frameOf(6, 0, 0, Buffer.from('12345678'))
  const reset = (stream: number) => frameOf(3, 0, stream, Buffer.from([0, 0, 0, 8]))
  const priority = (stream: number, on: number) => frameOf(2, 0, stream, Buffer.from([0, 0, 0, on, 15]))
  const hugeWindow = (stream: number) => frameOf(8, 0, stream, Buffer.from([0x7f, 0xff, 0xff, 0xff]))

  const passedOver: Record<string, Buffer[]> = {
    'a body for a request that was taken back': [requestFrame(1, endHeaders), reset(1), frameOf(0, 1, 1, Buffer.from('late'))],
    'a head for a request that was taken back': [requestFrame(1, endHeaders), reset(1), requestFrame(1)],
    'a number that is lower than the last one': [requestFrame(5), requestFrame(3)],
    'a priority that depends on itself': [priority(3, 3)],
    'a priority of the whole connection': [priority(0, 1)],
  }
  for (const [what, frames] of Object.entries(passedOver)) {
    it(`${what} changes nothing for the requests around it`, async () => {
      upstream.does(answer(200, 'fine'))
      const raw = await openRaw()
      const before = upstream.requests.length
      raw.send(...frames, requestFrame(7), ping)
      await raw.answerTo(7)
      await raw.frame(({ type }) => type === 6)
      assert.ok(!raw.frames.some(({ type, stream }) => type === 0 && stream === 3), 'nothing is answered out of turn')
      assert.ok(upstream.requests.length - before <= 2)
    })
  }

  it('frames for a request that is answered change nothing either', async () => {
    upstream.does(answer(200, 'fine'))
    const raw = await openRaw()
    raw.send(requestFrame(1))
    await raw.answerTo(1)
    const before = upstream.requests.length
    raw.send(frameOf(0, 1, 1, Buffer.from('late')), requestFrame(1), requestFrame(3))
    await raw.answerTo(3)
    assert.equal(upstream.requests.length, before + 1)
  })

  it('the answer to a PING that was never sent ends the connection', async () => {
    const raw = await openRaw()
    raw.send(frameOf(6, 1, 0, Buffer.from('12345678')))
    await raw.ended
  })

  it('a window beyond its limit, of one request or of all, ends the connection', async () => {
    upstream.does(neverAnswer())
    for (const stream of [1, 0]) {
      const raw = await openRaw()
      raw.send(requestFrame(1), hugeWindow(stream), hugeWindow(stream))
      await raw.ended
    }
  })
})
