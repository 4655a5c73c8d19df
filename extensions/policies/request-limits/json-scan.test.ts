import assert from 'node:assert/strict'
import { test } from 'node:test'
import { JsonScan, type JsonFault, type JsonLimits } from './json-scan.ts'

const wide: JsonLimits = { maxDepth: 100, maxKeys: 1000, maxElements: 1000 }

function faultIn(text: string | Uint8Array, limits: Partial<JsonLimits> = {}, pieceBytes = Infinity): JsonFault | undefined {
  const bytes = typeof text === 'string' ? Buffer.from(text) : text
  const scan = new JsonScan({ ...wide, ...limits })
  let fault: JsonFault | undefined
  for (let at = 0; at < bytes.length && fault === undefined; at += pieceBytes) fault = scan.scan(bytes.subarray(at, at + pieceBytes))
  return fault
}

test('levels are counted, and what looks like one in a string is none', () => {
  assert.equal(faultIn('[[{"a":[1]}]]', { maxDepth: 4 }), undefined)
  assert.equal(faultIn('[[{"a":[1]}]]', { maxDepth: 3 }), 'too_deep')
  assert.equal(faultIn('["[[[[[[", "\\"[[[[", "\\\\"]', { maxDepth: 1 }), undefined)
  assert.equal(faultIn('[[],[],[],[]]', { maxDepth: 2 }), undefined)
  assert.equal(faultIn('"only a string"', { maxDepth: 1 }), undefined)
})

test('names and elements are counted over the whole document', () => {
  assert.equal(faultIn('{"a":{"b":1},"c":2}', { maxKeys: 3 }), undefined)
  assert.equal(faultIn('{"a":{"b":1},"c":2}', { maxKeys: 2 }), 'too_many_keys')
  assert.equal(faultIn('[1,[2,"x"],{},null]', { maxElements: 6 }), undefined)
  assert.equal(faultIn('[1,[2,"x"],{},null]', { maxElements: 5 }), 'too_many_elements')
  assert.equal(faultIn('{"a":1,"b":2}', { maxElements: 0 }), undefined)
})

/** Hard to hold apart from JSON for some reader or other. */
const malformed = [
  "{'a':1}", '{a:1}', '// "\n[[', '/* " */ [', '[1,]', '{"a":1,}', '[1 2]', '{"a" 1}', '{"a":}', '{,}', '[,]', ']', '}', '[}', '{]', '[1]]', '{} {}', '1 2', 'nul1', 'tRue', 'NaN', 'Infinity', '+1', '01', '1.', '.5', '-', '--1', '1e', '1e+', '0x10',
  '"\n"', '"\\x"', '"\\u12g4"', '"\u0000"', '\u000b1', '\ufeff1', '\u00a0[', '[\u2028]',
].map((text) => (/[-.e+]$/.test(text) ? `[${text}]` : text))

test('a text that is not JSON is told as soon as that can be seen', () => {
  for (const text of malformed) assert.equal(faultIn(text), 'malformed', JSON.stringify(text))
  assert.equal(faultIn(Buffer.from('{"a":1}', 'utf16le')), 'malformed')
  assert.equal(faultIn(Buffer.from('\u2200[[[[', 'utf16le')), 'malformed')
})

const wellFormed = ['0', '-0', '-12.5e+10', '[0,1E5,2e-3,0.5]', 'true', ' false ', '\t[null\r\n, "" ] ', '{"":{}}', '"\\u00Ff\\"\\\\\\/\\b\\f\\n\\r\\t"', '"\u00e9\u2200\u{1f600}"', '[1', '{"a":', '"abc', '[tru', '', '  ']

test('a text that is JSON, or the beginning of one, passes', () => {
  for (const text of wellFormed) assert.equal(faultIn(text), undefined, JSON.stringify(text))
})

test('where the pieces end changes nothing', () => {
  for (const text of [...malformed, ...wellFormed]) {
    for (const size of [1, 2, 3]) assert.equal(faultIn(text, {}, size), faultIn(text), JSON.stringify(text))
  }
})

test('it takes what JSON.parse takes, and the beginnings of that, and nothing else', () => {
  let seed = 20261122
  const pick = (below: number) => (seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0) % below
  const words = ['{', '}', '[', ']', ',', ':', '"a"', '"', '\\', '\\n', '1', '-', '0', '.5', 'e3', 'true', 'null', ' ', 'x']
  const counts = { good: 0, begun: 0, bad: 0 }
  for (let round = 0; round < 20_000; round++) {
    let text = ['{"a":[1,{"b":"c"}],"d":-1.5e3}', '[]', '[1,2,"x"]'][pick(3)]!
    for (let change = pick(3); change >= 0; change--) {
      const at = pick(text.length + 1)
      text = text.slice(0, at) + (pick(2) === 0 ? words[pick(words.length)] : '') + text.slice(at + pick(3))
    }
    const isBeginning = canBeFinished(text)
    assert.equal(faultIn(text) === undefined, isBeginning, text)
    counts[canBeRead(text) ? 'good' : isBeginning ? 'begun' : 'bad']++
  }
  assert.ok(Object.values(counts).every((count) => count > 1000), JSON.stringify(counts))
})

/** What may lack at the end before all that is open is closed. */
const inString = ['', '\\', 'n', '0', '00', '000', '0000'].flatMap((rest) => [`${rest}"`, `${rest}":0`])
const missing = ['', ...inString, '\\""', '0', ':0', '"":0', 'rue', 'ue', 'e', 'ull', 'll', 'l']

function canBeFinished(text: string): boolean {
  if (text.trim() === '') return true
  return missing.some((end) => canBeRead(text + end + closing(text + end)))
}

function closing(text: string): string {
  const open: string[] = []
  for (const character of text.replace(/"(?:[^"\\]|\\.)*"/g, '')) {
    if (character === '{') open.unshift('}')
    else if (character === '[') open.unshift(']')
    else if (character === '}' || character === ']') open.shift()
  }
  return open.join('')
}

function canBeRead(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
