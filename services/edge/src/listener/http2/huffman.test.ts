import assert from 'node:assert/strict'
import { it } from 'node:test'
import { decodeHuffman, encodeHuffman } from './huffman.ts'

const bytesOf = (text: string) => Buffer.from(text, 'latin1')
const decoded = (bytes: Buffer) => decodeHuffman(bytes, 0, bytes.length)

/** RFC 7541, appendix C.4 and C.6. */
const examples: Readonly<Record<string, string>> = {
  'www.example.com': 'f1e3c2e5f23a6ba0ab90f4ff', 'no-cache': 'a8eb10649cbf', 'custom-key': '25a849e95ba97d7f', 'custom-value': '25a849e95bb8e8b4bf', 302: '6402', 307: '640eff', private: 'aec3771a4b',
  'Mon, 21 Oct 2013 20:13:21 GMT': 'd07abe941054d444a8200595040b8166e082a62d1bff', 'https://www.example.com': '9d29ad171863c78f0b97c8e9ae82ae43d3', gzip: '9bd9ab',
  'foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1': '94e7821dd7f2e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007',
}

for (const [text, hex] of Object.entries(examples)) {
  it(`"${text}" is written and read as in the RFC`, () => {
    assert.equal(bytesOf(encodeHuffman(text)).toString('hex'), hex)
    assert.equal(decoded(Buffer.from(hex, 'hex')), text)
  })
}

it('every byte, alone and beside every other, comes back', () => {
  for (let one = 0; one < 256; one++) {
    for (let other = 0; other < 256; other += 5) {
      const text = String.fromCharCode(one, other, one)
      assert.equal(decoded(bytesOf(encodeHuffman(text))), text)
    }
  }
})

it('a string may be longer than any before it', () => {
  const text = 'long '.repeat(5000)
  assert.equal(decoded(bytesOf(encodeHuffman(text))), text)
})

it('padding of eight bits or more, padding that is not ones, and the code of the end are no strings', () => {
  // "0" is 00000.
  assert.equal(decoded(Buffer.from([0b0000_0111])), '0')
  for (const bytes of [[0b0000_0111, 0xff], [0b0000_0110], [0xff], [0xff, 0xff, 0xff, 0xfc], [0xff, 0xff, 0xff, 0xff], [0x07, 0xff, 0xff, 0xff, 0xff]]) assert.equal(decoded(Buffer.from(bytes)), undefined, String(bytes))
})
