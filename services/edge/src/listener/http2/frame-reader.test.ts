import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FrameReader, type FrameHandler } from './frame-reader.ts'
import { frameHead, preface } from './frames.ts'

const bytesOf = (text: string) => Buffer.from(text, 'latin1')
const frame = (type: number, flag: number, stream: number, content = '') => bytesOf(frameHead(content.length, type, flag, stream) + content)
const settings = frame(4, 0, 0)

/** Writes down what it is told; pieces of DATA are put together. */
class Log implements FrameHandler {
  readonly lines: string[] = []
  private body = ''

  onDataBegin(stream: number, length: number): void {
    this.lines.push(`data ${stream} of ${length}`)
    this.body = ''
  }

  onData(_stream: number, bytes: Buffer, from: number, to: number): void {
    this.body += bytes.toString('latin1', from, to)
  }

  onDataEnd(stream: number, endStream: boolean): void {
    this.lines.push(`data ${stream} "${this.body}"${endStream ? ' end' : ''}`)
  }

  onHeaders(stream: number, bytes: Buffer, from: number, to: number, endStream: boolean): void {
    this.lines.push(`headers ${stream} "${bytes.toString('latin1', from, to)}"${endStream ? ' end' : ''}`)
  }

  onReset(stream: number, code: number): void {
    this.lines.push(`reset ${stream} ${code}`)
  }

  onSettings(bytes: Buffer, from: number, to: number): void {
    this.lines.push(`settings ${bytes.toString('hex', from, to)}`)
  }

  onSettingsAck(): void {
    this.lines.push('settings ack')
  }

  onPing(opaque: string, isAck: boolean): void {
    this.lines.push(`ping ${opaque}${isAck ? ' ack' : ''}`)
  }

  onGoaway(): void {
    this.lines.push('goaway')
  }

  onWindow(stream: number, increment: number): void {
    this.lines.push(`window ${stream} ${increment}`)
  }

  onIdleFrame(): void {
    this.lines.push('idle')
  }

  onEndlessHeaders(): void {
    this.lines.push('endless headers')
  }

  onStreamError(stream: number, code: number): void {
    this.lines.push(`stream error ${stream} ${code}`)
  }

  onBroken(code: number): void {
    this.lines.push(`broken ${code}`)
  }
}

/** What is told of `bytes` behind the preface, which come in pieces that end at `cuts`. */
function read(bytes: Buffer, cuts: readonly number[] = []): string[] {
  const log = new Log()
  const reader = new FrameReader(log)
  const whole = Buffer.concat([preface, bytes])
  // Every piece lies in the same memory, as with a socket.
  const shared = Buffer.alloc(whole.length)
  let from = 0
  for (const to of [...cuts, whole.length]) {
    whole.copy(shared, 0, from, to)
    reader.feed(shared, to - from)
    from = to
  }
  return log.lines
}

const conversation = Buffer.concat([
  settings, frame(4, 0, 0, '\0\x03\0\0\0\x64'), frame(4, 1, 0), frame(8, 0, 0, '\0\0\x10\0'),
  frame(1, 5, 1, 'whole'), frame(1, 0x2c, 3, '\x03\0\0\0\0\x10padded\0\0\0'), frame(1, 1, 5, 'in '), frame(9, 0, 5, 'three '), frame(9, 4, 5, 'parts'),
  frame(0, 0, 3, 'a body'), frame(0, 8, 3, '\x04with padding\0\0\0\0'), frame(0, 9, 3, '\0'), frame(0, 0, 3), frame(0, 1, 3),
  frame(2, 0, 7, '\0\0\0\x01\x10'), frame(3, 0, 5, '\0\0\0\x08'), frame(6, 0, 0, '12345678'), frame(6, 1, 0, '87654321'), frame(0x42, 0xff, 9, 'anything'), frame(7, 0, 0, '\0\0\0\0\0\0\0\0bye'), frame(8, 0, 7, '\x80\0\0\x01'),
])
const told = [
  'settings ', 'settings 000300000064', 'settings ack', 'window 0 4096',
  'headers 1 "whole" end', 'headers 3 "padded"', 'headers 5 "in three parts" end',
  'data 3 of 6', 'data 3 "a body"', 'data 3 of 17', 'data 3 "with padding"', 'data 3 of 1', 'data 3 "" end', 'data 3 of 0', 'idle', 'data 3 ""', 'data 3 of 0', 'data 3 "" end',
  'idle', 'reset 5 8', 'ping 12345678', 'ping 87654321 ack', 'idle', 'goaway', 'window 7 1',
]

describe('frames', () => {
  it('are read one after the other', () => assert.deepEqual(read(conversation), told))

  it('are the same wherever they are cut', () => {
    const { length } = Buffer.concat([preface, conversation])
    for (let cut = 1; cut < length; cut++) assert.deepEqual(read(conversation, [cut]), told, `cut at ${cut}`)
    for (const step of [1, 2, 3, 5, 7, 11]) assert.deepEqual(read(conversation, Array.from({ length: Math.ceil(length / step) - 1 }, (_, at) => (at + 1) * step)), told, `pieces of ${step}`)
  })

  it('of the largest size are read, larger ones end the connection', () => {
    assert.deepEqual(read(Buffer.concat([settings, frame(1, 5, 1, 'x'.repeat(16_384))]))[1], `headers 1 "${'x'.repeat(16_384)}" end`)
    for (const type of [0, 1, 0x42]) for (const cut of [[], [preface.length + 9 + 4]]) assert.deepEqual(read(Buffer.concat([settings, frame(type, 5, 1, 'x'.repeat(16_385))]), cut), ['settings ', 'broken 6'])
  })
})

const broken: Record<string, [Buffer, number]> = {
  'anything before SETTINGS': [frame(6, 0, 0, '12345678'), 1],
  'DATA before SETTINGS': [frame(0, 1, 1, 'x'), 1],
  'DATA for the connection': [frame(0, 0, 0, 'x'), 1],
  'DATA that is shorter than its padding': [frame(0, 8, 1, '\x05ab'), 1],
  'DATA without room for its padding\'s length': [frame(0, 8, 1), 6],
  'HEADERS for the connection': [frame(1, 5, 0, 'x'), 1],
  'HEADERS that are shorter than their padding': [frame(1, 13, 1, '\x05ab'), 1],
  'HEADERS without room for their priority': [frame(1, 0x25, 1, 'ab'), 6],
  'CONTINUATION of nothing': [frame(9, 4, 1, 'x'), 1],
  'another frame within a field block': [Buffer.concat([frame(1, 0, 1, 'x'), frame(6, 0, 0, '12345678')]), 1],
  'DATA within a field block': [Buffer.concat([frame(1, 0, 1, 'x'), frame(0, 1, 1, 'x')]), 1],
  'a field block that goes on for another stream': [Buffer.concat([frame(1, 0, 1, 'x'), frame(9, 4, 3, 'x')]), 1],
  'an unknown frame within a field block': [Buffer.concat([frame(1, 0, 1, 'x'), frame(0x42, 0, 1, 'x')]), 1],
  'a priority of the connection': [frame(2, 0, 0, '\0\0\0\x01\x10'), 1],
  'a reset of the connection': [frame(3, 0, 0, '\0\0\0\0'), 1],
  'a reset of another size': [frame(3, 0, 1, '\0\0\0'), 6],
  'SETTINGS for a stream': [frame(4, 0, 1), 1],
  'SETTINGS of another size': [frame(4, 0, 0, '\0\x01\0\0'), 6],
  'an acknowledgement with content': [frame(4, 1, 0, '\0\x01\0\0\0\0'), 6],
  'a promise': [frame(5, 4, 1, '\0\0\0\x02'), 1],
  'a PING for a stream': [frame(6, 0, 1, '12345678'), 1],
  'a PING of another size': [frame(6, 0, 0, '1234567'), 6],
  'GOAWAY for a stream': [frame(7, 0, 1, '\0\0\0\0\0\0\0\0'), 1],
  'GOAWAY that is too short': [frame(7, 0, 0, '\0\0\0\0'), 6],
  'a window of another size': [frame(8, 0, 0, '\0\0\0'), 6],
  'no more window for the connection': [frame(8, 0, 0, '\0\0\0\0'), 1],
}
for (const [what, [bytes, code]] of Object.entries(broken)) {
  it(`end the connection: ${what}`, () => {
    const front = what.endsWith('before SETTINGS') ? [] : [settings]
    const behind = frame(6, 0, 0, 'too late')
    assert.equal(read(Buffer.concat([...front, bytes, behind])).at(-1), `broken ${code}`)
  })
}

it('a stream ends for a window of nothing, and a priority that is none or its own', () => {
  const of = (bytes: Buffer) => read(Buffer.concat([settings, bytes])).slice(1)
  assert.deepEqual(of(frame(8, 0, 1, '\0\0\0\0')), ['stream error 1 1'])
  assert.deepEqual(of(frame(2, 0, 1, '\0\0\0\x01')), ['stream error 1 6'])
  assert.deepEqual(of(frame(2, 0, 1, '\0\0\0\x01\x10')), ['stream error 1 1'])
  assert.deepEqual(of(frame(1, 0x25, 1, '\0\0\0\x01\x10x')), ['headers 1 "x" end', 'stream error 1 1'])
})

it('a preface that is none ends the connection at its first wrong byte', () => {
  const log = new Log()
  const reader = new FrameReader(log)
  reader.feed(bytesOf('PRI * HTTP/2.0\r\n\r\nSX'), 20)
  assert.deepEqual(log.lines, ['broken 1'])
  assert.equal(reader.hasPreface, false)
})

it('a field block in endless parts is told of', () => {
  const lines = read(Buffer.concat([settings, frame(1, 0, 1, 'x'), ...Array<Buffer>(9).fill(frame(9, 0, 1, 'x'))]))
  assert.equal(lines.at(-1), 'endless headers')
})

it('it is known whether something has begun that has to go on', () => {
  const reader = new FrameReader(new Log())
  const isWithin = (bytes: Buffer): boolean => {
    reader.feed(bytes, bytes.length)
    return reader.isWithin
  }
  assert.equal(isWithin(Buffer.concat([preface, settings])), false)
  assert.equal(isWithin(frame(6, 0, 0, '12345678').subarray(0, 12)), true)
  assert.equal(isWithin(frame(6, 0, 0, '12345678').subarray(12)), false)
  assert.equal(isWithin(frame(1, 0, 1, 'x')), true)
  assert.equal(isWithin(frame(9, 4, 1, 'x')), false)
})
