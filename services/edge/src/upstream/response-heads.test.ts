import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseResponseHead } from '@sluice/http'
import { ResponseHeads } from './response-heads.ts'

const headOf = (...fields: string[]) => `HTTP/1.1 200 OK\r\n${fields.map((field) => `${field}\r\n`).join('')}\r\n`
const read = (heads: ResponseHeads, text: string, method = 'GET') => heads.read(text, 0, text.length, method)

test('a head that was read is recognised where it comes again, whatever stands behind it', () => {
  const heads = new ResponseHeads()
  const text = headOf('Content-Length: 2', 'X-A: b')
  assert.equal(heads.recall(text, 'GET'), undefined)
  read(heads, text)
  assert.deepEqual(heads.recall(`${text}ok`, 'GET'), { head: parseResponseHead(text, 0, text.length, 'GET'), length: text.length })
})

test('no other head is taken for it, and none for another method', () => {
  const heads = new ResponseHeads()
  const text = headOf('Content-Length: 2', 'X-A: b')
  read(heads, text)
  for (const other of [headOf('Content-Length: 3', 'X-A: b'), headOf('Content-Length: 2', 'X-A: b', 'X-C: d'), headOf('Content-Length: 2', 'X-A: B'), text.slice(0, -1), '']) {
    assert.equal(heads.recall(other, 'GET'), undefined)
  }
  assert.equal(heads.recall(text, 'HEAD'), undefined)
})

test('the next one takes its place, at once after one that came again', () => {
  const heads = new ResponseHeads()
  const [first, second] = [headOf('Date: 1'), headOf('Date: 2')]
  read(heads, first)
  heads.recall(first, 'GET')
  read(heads, second)
  assert.equal(heads.recall(first, 'GET'), undefined)
  assert.equal(heads.recall(second, 'GET')?.length, second.length)
})

test('where each head is another one only some are kept', () => {
  const heads = new ResponseHeads()
  const texts = Array.from({ length: 64 }, (_, index) => headOf(`X-Request-ID: ${index}`))
  for (const text of texts) read(heads, text)
  assert.deepEqual(texts.filter((text) => heads.recall(text, 'GET') !== undefined), [texts[48]])
})

test('neither an interim response nor what cannot be read is kept', () => {
  const heads = new ResponseHeads()
  for (const text of ['HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n', 'HTTP/1.1 200 OK\r\nBad Name: x\r\n\r\n', headOf(`X: ${'y'.repeat(3000)}`)]) {
    read(heads, text)
    assert.equal(heads.recall(text, 'GET'), undefined)
  }
})
