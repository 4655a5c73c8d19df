/** Conversations of HTTP/2 that are nearly right: seeds, and changes to their bytes and frames, all from one number so that each run can be repeated. */
import { encodeHuffman } from '../../src/listener/http2/huffman.ts'
import { frameOf } from '../http2-frames.ts'
import { randomFrom, type Random } from './mutations.ts'

export interface ConversationCase {
  readonly seed: number
  /** Behind the preface. */
  readonly bytes: Buffer
  /** Where they are cut on their way. */
  readonly cuts: readonly number[]
}

const text = (value: string): Buffer => Buffer.from(value, 'latin1')
const literal = (value: string): Buffer => Buffer.concat([Buffer.from([value.length]), text(value)])
const coded = (value: string): Buffer => {
  const bytes = text(encodeHuffman(value))
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes])
}
/** `kind`: 0x40 puts it into the table, 0 does not, 0x10 forbids it. */
const field = (kind: number, name: string, value: string, write = literal): Buffer => Buffer.concat([Buffer.from([kind]), write(name), write(value)])

const get = [0x82, 0x87, 0x84]
const authority = Buffer.concat([Buffer.from([0x41]), coded('gw.test')])
const first = Buffer.concat([Buffer.from(get), authority, field(0x40, 'x-one', '1'), field(0, 'accept', '*/*', coded), field(0x10, 'authorization', 'Bearer secret')])
/** By the table that `first` has filled. */
const second = Buffer.concat([Buffer.from([0x83, 0x87, 0x04]), literal('/upload?a=1'), Buffer.from([0xbf, 0xbe])])
const websocket = Buffer.concat([field(0, ':method', 'CONNECT'), field(0, ':protocol', 'websocket'), Buffer.from([0x87, 0x84]), authority])

const settings = frameOf(4, 0, 0)
const conversations: readonly (readonly Buffer[])[] = [
  [settings, frameOf(1, 5, 1, first), frameOf(4, 1, 0), frameOf(1, 4, 3, second), frameOf(0, 0, 3, text('hello ')), frameOf(0, 1, 3, text('world')), frameOf(6, 0, 0, text('12345678'))],
  [frameOf(4, 0, 0, Buffer.from([0, 4, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0])), frameOf(8, 0, 0, Buffer.from([0, 1, 0, 0])), frameOf(1, 0x2d, 1, Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 16]), first, Buffer.alloc(2)])), frameOf(3, 0, 1, Buffer.from([0, 0, 0, 8]))],
  [settings, frameOf(1, 0, 1, first.subarray(0, 5)), frameOf(9, 0, 1, first.subarray(5, 12)), frameOf(9, 4, 1, first.subarray(12)), frameOf(0, 9, 1, Buffer.from([3, 97, 98, 0, 0, 0]))],
  [settings, frameOf(1, 4, 1, first), frameOf(0, 0, 1, text('part')), frameOf(1, 5, 1, field(0, 'x-sum', '17')), frameOf(2, 0, 5, Buffer.from([0, 0, 0, 1, 9])), frameOf(1, 5, 5, second)],
  [settings, frameOf(1, 4, 1, websocket), frameOf(0, 0, 1, text('\x81\x80\0\0\0\0')), frameOf(7, 0, 0, Buffer.alloc(8)), frameOf(1, 5, 3, first)],
  [settings, frameOf(1, 4, 1, Buffer.concat([first, field(0, 'content-length', '4'), field(0, 'cookie', 'a=1'), field(0, 'cookie', 'b=2'), field(0, 'te', 'trailers')])), frameOf(0, 1, 1, text('four')), frameOf(1, 5, 3, Buffer.from([0x20, ...get, 0x41, 1, 0x61]))],
]

const strange: readonly Buffer[] = [
  frameOf(0, 0, 1), frameOf(0, 1, 0, text('x')), frameOf(1, 5, 2, first), frameOf(1, 5, 9, second), frameOf(3, 0, 9, Buffer.alloc(4)), frameOf(4, 0, 0, Buffer.from([0, 4, 0xff, 0xff, 0xff, 0xff])), frameOf(4, 0, 0, Buffer.from([0, 1, 0, 0, 0, 0])),
  frameOf(5, 4, 1, first), frameOf(8, 0, 1, Buffer.from([0x7f, 0xff, 0xff, 0xff])), frameOf(8, 0, 0, Buffer.alloc(4)), frameOf(0x77, 0xff, 3, text('unknown')),
  frameOf(1, 5, 7, Buffer.concat([Buffer.from(get), field(0, 'x', 'a\r\nb: c')])), frameOf(1, 5, 7, Buffer.concat([Buffer.from([0x82, 0x87, 0x04]), literal('/a HTTP/1.1\r\nx: '), authority])),
  frameOf(1, 5, 7, Buffer.concat([Buffer.from(get), authority, field(0, 'transfer-encoding', 'chunked')])), frameOf(1, 5, 7, Buffer.concat([Buffer.from(get), authority, field(0, 'Host', 'b.test')])),
]

const pick = <T>(random: Random, from: readonly T[]): T => from[Math.floor(random() * from.length)]!

type Change = (random: Random, frames: Buffer[]) => void

const changes: readonly Change[] = [
  (random, frames) => frames.splice(Math.floor(random() * (frames.length + 1)), 0, pick(random, strange)),
  (random, frames) => frames.splice(Math.floor(random() * frames.length), 1),
  (random, frames) => frames.splice(Math.floor(random() * frames.length), 0, pick(random, frames)),
  (random, frames) => frames.push(...pick(random, conversations).slice(1)),
  (random, frames) => frames.sort(() => random() - 0.5),
  // Any byte of any frame, its head among them.
  (random, frames) => changeByte(random, frames, (bytes, at) => (bytes[at] = Math.floor(random() * 256))),
  (random, frames) => changeByte(random, frames, (bytes, at) => (bytes[at]! ^= 1 << Math.floor(random() * 8))),
  (random, frames) => changeByte(random, frames.filter(({ length }) => length > 9), (bytes, at) => (bytes[at % 9] = Math.floor(random() * 12))),
  (random, frames) => cutFrame(random, frames),
]

function changeByte(random: Random, frames: Buffer[], change: (bytes: Buffer, at: number) => void): void {
  const bytes = pick(random, frames)
  if (bytes !== undefined && bytes.length > 0) change(bytes, Math.floor(random() * bytes.length))
}

function cutFrame(random: Random, frames: Buffer[]): void {
  const at = Math.floor(random() * frames.length)
  if (frames[at] !== undefined) frames[at] = frames[at].subarray(0, Math.floor(random() * frames[at].length))
}

export function conversationOf(seed: number): ConversationCase {
  const random = randomFrom(seed)
  const frames = pick(random, conversations).map((frame) => Buffer.from(frame))
  for (let count = Math.floor(random() * 4); count > 0 && frames.length > 0; count--) pick(random, changes)(random, frames)
  const bytes = Buffer.concat(frames)
  const cuts = Array.from({ length: 1 + Math.floor(random() * 6) }, () => Math.floor(random() * bytes.length))
  return { seed, bytes, cuts: [...new Set(cuts)].filter((cut) => cut > 0).sort((left, right) => left - right) }
}
