import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Field } from './field.ts'
import { HpackDecoder } from './hpack-decoder.ts'
import { KnownStrings } from './known-strings.ts'

class Reader {
  readonly decoder = new HpackDecoder(new KnownStrings())

  /** The fields of a block in hexadecimal digits; undefined: it is none. */
  read(hex: string): string[] | undefined {
    const lines: string[] = []
    const bytes = Buffer.from(hex.replaceAll(' ', ''), 'hex')
    return this.decoder.decode(bytes, 0, bytes.length, { onField: ({ name, value }: Field) => void lines.push(`${name}: ${value}`) }) ? lines : undefined
  }
}

const first = [':method: GET', ':scheme: http', ':path: /', ':authority: www.example.com']
const second = [...first, 'cache-control: no-cache']
const third = [':method: GET', ':scheme: https', ':path: /index.html', ':authority: www.example.com', 'custom-key: custom-value']
const date = 'date: Mon, 21 Oct 2013 20:13:21 GMT'
const redirect = [':status: 302', 'cache-control: private', date, 'location: https://www.example.com']
const last = [':status: 200', 'cache-control: private', date.replace(':21 ', ':22 '), 'location: https://www.example.com', 'content-encoding: gzip', 'set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1']

describe('field blocks as RFC 7541 gives them', () => {
  it('single fields: C.2', () => {
    assert.deepEqual(new Reader().read('400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572'), ['custom-key: custom-header'])
    assert.deepEqual(new Reader().read('040c 2f73 616d 706c 652f 7061 7468'), [':path: /sample/path'])
    assert.deepEqual(new Reader().read('1008 7061 7373 776f 7264 0673 6563 7265 74'), ['password: secret'])
    assert.deepEqual(new Reader().read('82'), [':method: GET'])
  })

  const requests = {
    'as they are: C.3': ['8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d', '8286 84be 5808 6e6f 2d63 6163 6865', '8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65'],
    'in Huffman\'s code: C.4': ['8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff', '8286 84be 5886 a8eb 1064 9cbf', '8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf'],
  }
  for (const [how, blocks] of Object.entries(requests)) {
    it(`requests, ${how}`, () => {
      const reader = new Reader()
      assert.deepEqual(blocks.map((block) => reader.read(block)), [first, second, third])
    })
  }

  const responses = {
    'as they are: C.5': [
      '4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d',
      '4803 3330 37c1 c0bf',
      '88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31',
    ],
    'in Huffman\'s code: C.6': [
      '4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3',
      '4883 640e ffc1 c0bf',
      '88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed 4ee5 b106 3d50 07',
    ],
  }
  for (const [how, blocks] of Object.entries(responses)) {
    it(`responses with a table of 256 bytes, ${how}`, () => {
      const reader = new Reader()
      // 3fe101 makes the table so small.
      assert.deepEqual(blocks.map((block, at) => reader.read(at === 0 ? `3fe101${block}` : block)), [redirect, [':status: 307', ...redirect.slice(1)], last])
    })
  }
})

describe('the table', () => {
  it('is emptied by a field that is larger than it, which is read all the same', () => {
    const reader = new Reader()
    assert.deepEqual(reader.read('3f09 400161 0162 be'), ['a: b', 'a: b'], 'a table of 40 bytes holds one small field')
    assert.deepEqual(reader.read('4001 63 0a 61616161616161616161'), ['c: aaaaaaaaaa'])
    assert.equal(reader.read('be'), undefined)
  })

  it('keeps its newest fields, however many have passed through it', () => {
    const reader = new Reader()
    for (let count = 0; count < 1000; count++) {
      const value = count.toString().padStart(4, '0')
      assert.deepEqual(reader.read(`400161 04${Buffer.from(value).toString('hex')}`), [`a: ${value}`])
      if (count > 100) assert.deepEqual(reader.read('be c0 ff00'), [count, count - 2, count - 65].map((at) => `a: ${at.toString().padStart(4, '0')}`))
    }
    // 4096 bytes are 110 such fields.
    assert.equal(reader.read('ff2c')?.length, 1)
    assert.equal(reader.read('ff2d'), undefined)
  })

  it('may be resized up to what was agreed on, at the beginning of a block alone', () => {
    assert.deepEqual(new Reader().read('20 3fe11f 82'), [':method: GET'])
    for (const block of ['3fe21f 82', '82 20', '20 82 20']) assert.equal(new Reader().read(block), undefined, block)
  })
})

it('what is no block is refused: no such field, numbers without an end, strings that are longer than the block', () => {
  for (const block of ['80', 'be', 'ff80', 'ffffffffff0f', 'ff8080808000', '40', '4001', '400161', '40016102 62', '4081', '00817f', '0f', '7f', '7fffff', '40 7fffffffffff 61']) assert.equal(new Reader().read(block), undefined, block)
})

it('a string that comes again is the same, in either code, and one that must not be indexed is read as well', () => {
  const reader = new Reader()
  for (let round = 0; round < 3; round++) {
    assert.deepEqual(reader.read('0401 2f 0481 63 0001 61 0162 1001 61 0162'), [':path: /', ':path: /', 'a: b', 'a: b'])
  }
})
