/** Requests that are nearly right: seeds, and changes to them, all from one number so that each run can be repeated. */
import { readCorpus } from '../corpus.ts'

export type Random = () => number

/** Numbers from 0 up to 1 (mulberry32); the same for the same seed. */
export function randomFrom(seed: number): Random {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!
const place = (random: Random, text: string): number => Math.floor(random() * (text.length + 1))

const get = 'GET /any HTTP/1.1\r\nHost: gw.test\r\n\r\n'
/** Nothing is wrong with these. */
export const ordinaryRequests: readonly string[] = [
  get,
  'GET /any?a=1&b=2 HTTP/1.1\r\nHost: gw.test\r\nUser-Agent: fuzz/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\nCookie: a=1; b=2\r\n\r\n',
  'HEAD /any HTTP/1.1\r\nHost: gw.test\r\n\r\n',
  'POST /any HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 11\r\n\r\nhello world',
  'POST /any HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n',
  'PUT /any HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\nb\r\nhello world\r\n0\r\nX-Sum: 17\r\n\r\n',
  'DELETE /any HTTP/1.1\r\nHost: gw.test:80\r\nConnection: keep-alive\r\n\r\n',
  'OPTIONS /any HTTP/1.1\r\nHost: gw.test\r\nOrigin: http://a.test\r\nAccess-Control-Request-Method: PUT\r\n\r\n',
  'GET http://gw.test/any HTTP/1.1\r\nHost: gw.test\r\n\r\n',
  'POST /any HTTP/1.1\r\nHost: gw.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello',
  'POST /fixed HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 5\r\n\r\nhello',
  'POST /small HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n',
  'GET /any HTTP/1.0\r\nHost: gw.test\r\nConnection: keep-alive\r\n\r\n',
  `${get}${get}`,
  `POST /any HTTP/1.1\r\nHost: gw.test\r\nContent-Length: 5\r\n\r\nhello${get}`,
  `POST /any HTTP/1.1\r\nHost: gw.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n${get}`,
]

const lines = [
  'Content-Length: 5', 'Content-Length: 0', 'Content-Length: 4, 5', 'Content-Length: +5', 'content-length:5', 'Transfer-Encoding: chunked', 'Transfer-Encoding: identity',
  'Transfer-Encoding: gzip, chunked', 'transfer-encoding:\tchunked', 'Host: other.test', 'Host:', 'Connection: close', 'Connection: keep-alive, x-a', 'Connection: content-length', 'Expect: 100-continue',
  'TE: trailers', 'Upgrade: h2c', 'X-A: 1', ' folded', 'X A: 1', 'X-A : 1', ': 1', 'X-A', 'X-\0: 1',
]
const bytes = ['\r', '\n', '\r\n', '\r\n\r\n', '\t', ' ', '\0', '\x01', '\x0b', '\x7f', '\x80', '\xff', ':', ';', ',', '0', '1', '5', '-', '+', 'a', 'F', '/', '?', '#', '%', '%2e', '%00', '..', '\\', '"', '{']

type Change = (random: Random, text: string) => string

const changes: readonly Change[] = [
  (random, text) => spliced(text, place(random, text), 0, pick(random, bytes)),
  (random, text) => spliced(text, place(random, text), 1, ''),
  (random, text) => spliced(text, place(random, text), 1, pick(random, bytes)),
  (random, text) => spliced(text, place(random, text), 1, String.fromCharCode(Math.floor(random() * 256))),
  (random, text) => changedLines(random, text, (found, at) => found.splice(at, 0, pick(random, lines))),
  (random, text) => changedLines(random, text, (found, at) => found.splice(at, 1)),
  (random, text) => changedLines(random, text, (found, at) => found.splice(at, 0, found[at]!)),
  (random, text) => changedLines(random, text, (found, at) => found.splice(0, found.length, ...found.slice(at), ...found.slice(0, at))),
  (random, text) => text.replace(/\d+/g, (digits) => (random() < 0.3 ? String(Math.floor(random() * 20)) : digits)),
  (random, text) => text.slice(0, place(random, text)),
  (random, text) => {
    const from = place(random, text)
    return spliced(text, from, 0, text.slice(from, from + Math.floor(random() * 20)))
  },
  (random, text) => text.replace(/[a-z]/gi, (letter) => (random() < 0.1 ? (letter < 'a' ? letter.toLowerCase() : letter.toUpperCase()) : letter)),
  (random, text) => text + pick(random, ordinaryRequests),
  (random, text) => pick(random, ordinaryRequests) + text,
]

function spliced(text: string, at: number, remove: number, insert: string): string {
  return text.slice(0, at) + insert + text.slice(at + remove)
}

function changedLines(random: Random, text: string, change: (found: string[], at: number) => void): string {
  const found = text.split('\r\n')
  change(found, Math.floor(random() * found.length))
  return found.join('\r\n')
}

const longest = 2000

export interface FuzzCase {
  readonly seed: number
  readonly bytes: string
  /** Where they are cut on their way. */
  readonly cuts: readonly number[]
}

/** Makes the case of each seed. The corpora give half of the seeds, ordinary requests the other half. */
export function createFuzzCases(): (seed: number) => FuzzCase {
  const hostile = readCorpus('requests').map((item) => item.bytes).filter((text) => text.length < 1000)
  return (seed) => {
    const random = randomFrom(seed)
    let text = pick(random, random() < 0.5 ? ordinaryRequests : hostile)
    for (let count = 1 + Math.floor(random() * 3); count > 0; count--) text = pick(random, changes)(random, text)
    const whole = text.slice(0, longest)
    return { seed, bytes: whole, cuts: cutsOf(random, whole) }
  }
}

function cutsOf(random: Random, text: string): number[] {
  const cuts = Array.from({ length: Math.floor(random() * 4) }, () => place(random, text))
  return [...new Set(cuts)].filter((cut) => cut > 0 && cut < text.length).sort((left, right) => left - right)
}
