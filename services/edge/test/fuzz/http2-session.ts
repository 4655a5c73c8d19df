/** A session without a socket: what it makes of bytes, and what must be true of that whatever they were. */
import { parseRequestHead } from '@sluice/http'
import { http2Limits } from '../../src/listener/http2-limits.ts'
import { preface } from '../../src/listener/http2/frames.ts'
import { KnownStrings } from '../../src/listener/http2/known-strings.ts'
import type { Http2Request } from '../../src/listener/http2/request-fields.ts'
import { Http2Session } from '../../src/listener/http2/session.ts'
import type { SessionStream } from '../../src/listener/http2/session-stream.ts'
import { conversationOf, type ConversationCase } from './http2-conversations.ts'

/** What came of a conversation. */
interface Outcome {
  /** Requests, their bodies and how they ended, and what was said about the connection. */
  readonly events: readonly string[]
  /** Frames that were sent, but for room that was given back, which comes when it comes. */
  readonly sent: readonly string[]
  readonly problems: readonly string[]
}

const strings = new KnownStrings()

/** Feeds `bytes` in pieces that end at `cuts`. A request is over as soon as it is whole. */
function converse(bytes: Buffer, cuts: readonly number[]): Outcome {
  const events: string[] = []
  const problems: string[] = []
  let sent = ''
  const session = new Http2Session({
    limits: http2Limits, strings, send: (frames) => (sent += frames),
    owner: {
      onRequest: (id, request, isWhole) => {
        events.push(`request ${id} ${JSON.stringify(request)}`)
        problems.push(...problemsOf(request))
        const stream = streamOf(session, id, isWhole, events)
        session.open(stream)
        if (isWhole) session.end(stream)
      },
      onGoaway: () => void events.push('goaway'), onNoticeRead: () => void events.push('notice read'), onIdle: () => undefined, onFlood: (kind) => void events.push(`flood ${kind}`), onBroken: () => void events.push('broken'),
    },
  })
  const whole = Buffer.concat([preface, bytes])
  const shared = Buffer.alloc(whole.length)
  let from = 0
  for (const to of [...cuts.map((cut) => cut + preface.length), whole.length]) {
    whole.copy(shared, 0, from, to)
    session.reader.feed(shared, to - from)
    // As a socket's memory is used again.
    shared.fill(0xaa)
    from = to
  }
  session.close()
  const frames = framesIn(Buffer.from(sent, 'latin1'))
  if (frames === undefined) problems.push('what was sent are no frames')
  return { events, sent: (frames ?? []).filter((frame) => !frame.startsWith('8 ')), problems }
}

function streamOf(session: Http2Session, id: number, isWhole: boolean, events: string[]): SessionStream {
  let body = ''
  const stream = {
    id, sendWindow: session.settings.streamWindow, receiveWindow: http2Limits.windowBytes, untold: 0, isHalfClosed: isWhole, isAnswered: false,
    onBody: (bytes: Buffer, from: number, to: number) => {
      body += bytes.toString('latin1', from, to)
      session.giveBack(stream, to - from)
      return true
    },
    onBodyEnd: (trailers: readonly string[]) => {
      events.push(`end ${id} ${JSON.stringify([body, trailers])}`)
      stream.isHalfClosed = true
      session.end(stream)
      return true
    },
    onRoom: () => undefined,
    onBroken: () => void events.push(`broken ${id}`),
    checkDeadline: () => undefined,
  }
  return stream
}

/** As HTTP/1.1 a request has to be one request, and the same. */
function problemsOf({ method, target, fields, protocol, isTooLarge }: Http2Request): string[] {
  if ((method === 'CONNECT' && protocol === '') || isTooLarge) return []
  const lines = fields.map((part, at) => (at % 2 === 0 ? `${part}: ` : `${part}\r\n`)).join('')
  const text = `${method} ${target} HTTP/1.1\r\n${lines}\r\n`
  const head = parseRequestHead(text, 0, text.length)
  // Without a Host, or with two, the walk refuses it, whatever carried it.
  if (head === 'client.bad_host') return []
  const isSame = typeof head !== 'string' && head.method === method && head.target === target && JSON.stringify(head.fields.flat) === JSON.stringify(fields)
  const isOneHead = text.indexOf('\r\n\r\n') === text.length - 4
  return isSame && isOneHead && /^[/*]/.test(target) ? [] : [`not a request: ${JSON.stringify(text)}`]
}

function framesIn(bytes: Buffer): string[] | undefined {
  const frames: string[] = []
  for (let at = 0; at < bytes.length;) {
    if (at + 9 > bytes.length) return undefined
    const end = at + 9 + bytes.readUIntBE(at, 3)
    if (end > bytes.length) return undefined
    frames.push(`${bytes[at + 3]} ${bytes.toString('hex', at, end)}`)
    at = end
  }
  return frames
}

/** What is wrong with what comes of a case, whole and cut; undefined: nothing. */
function judge({ seed, bytes, cuts }: ConversationCase): string | undefined {
  const whole = converse(bytes, [])
  const inPieces = converse(bytes, cuts)
  const isSame = JSON.stringify(whole) === JSON.stringify(inPieces)
  if (isSame && whole.problems.length === 0) return undefined
  return `seed ${seed}: ${bytes.toString('hex')} cut at ${JSON.stringify(cuts)}\n  whole ${JSON.stringify(whole)}\n  cut   ${JSON.stringify(inPieces)}`
}

/** Runs the cases of the seeds from `first` on, as long as `goesOn`. `served`: how many requests they were. */
export function fuzzSessions(first: number, goesOn: (count: number) => boolean): { count: number; served: number; found: string[] } {
  const found: string[] = []
  let [count, served] = [0, 0]
  for (; goesOn(count); count++) {
    const item = conversationOf(first + count)
    const problem = judge(item)
    if (problem !== undefined) found.push(problem)
    served += converse(item.bytes, []).events.filter((event) => event.startsWith('request')).length
  }
  return { count, served, found }
}
