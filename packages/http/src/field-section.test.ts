import assert from 'node:assert/strict'
import { test } from 'node:test'
import { FieldSection, hasOption } from './field-section.ts'

function read(...lines: string[]): { fields: FieldSection; problem: string | undefined } {
  const fields = new FieldSection()
  const text = lines.map((line) => `${line}\r\n`).join('')
  return { fields, problem: fields.read(text, 0, text.length) }
}

test('names keep their spelling, values lose the blanks around them', () => {
  assert.deepEqual(read('HoSt:a', 'X-B:\t b c \t').fields.flat, ['HoSt', 'a', 'X-B', 'b c'])
})

test('what framing and routing need is noted on the way', () => {
  const { fields } = read('Host: a', 'Connection: Upgrade, close', 'Upgrade: WebSocket', 'Expect: 100-Continue', 'TE: gzip, Trailers', 'Content-Length: 12')
  assert.equal(fields.hosts, 1)
  assert.equal(fields.closes, true)
  assert.equal(fields.asksUpgrade, true)
  assert.equal(hasOption(fields.upgrade, 'websocket'), true)
  assert.equal(fields.expectsContinue, true)
  assert.equal(fields.expectsUnknown, false)
  assert.equal(fields.acceptsTrailers, true)
  assert.equal(fields.contentLength, 12)
})

test('a control character is refused however long the value before it', () => {
  for (const before of [0, 60, 61, 62, 63, 640]) {
    const value = `é\tw${'v'.repeat(before)}`
    assert.deepEqual(read(`A: ${value}`).fields.flat, ['A', value])
    for (const bad of ['\0', '\x1f', '\x7f', '\r', '\n']) assert.equal(read(`A: ${value}${bad}x`).problem, 'client.bad_request', `${JSON.stringify(bad)} after ${before}`)
  }
})

test('one framing or none', () => {
  for (const lines of [
    ['Content-Length: 1', 'Content-Length: 1'],
    ['Content-Length: 1', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: gzip'],
    ['Content-Length: 1a'],
  ]) assert.equal(read(...lines).problem, 'client.framing_ambiguous', lines.join('; '))
  assert.equal(read('Transfer-Encoding: Chunked').fields.isChunked, true)
})

test('an expectation beside 100-continue is seen, wherever it stands', () => {
  assert.equal(read('Expect: 100-continue', 'Expect: x').fields.expectsUnknown, true)
  assert.equal(read('Expect: 100-continue, x').fields.expectsUnknown, true)
})

test('a thousand lines are read, and not one more', () => {
  const lines = (count: number) => read(...Array.from({ length: count }, () => 'a: 1')).problem
  assert.equal(lines(1000), undefined)
  assert.equal(lines(1001), 'client.too_many_headers')
})

test('an option of a list is found whole and whatever its case; only blanks and tabs stand around it', () => {
  assert.equal(hasOption('a, Close', 'close'), true)
  assert.equal(hasOption('\tclose ,b', 'close'), true)
  assert.equal(hasOption('closed', 'close'), false)
  assert.equal(hasOption('\xa0close', 'close'), false)
  assert.equal(hasOption('', 'close'), false)
})
