import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readSignatureInput, readSignatures } from './signature-input.ts'

test('the example of RFC 9421 §4.1 is read, several signatures in one field', () => {
  const text = 'sig1=("@method" "@target-uri" "@authority" "content-digest" "cache-control");created=1618884475;keyid="test-key-rsa-pss", sig2=();expires=1618884500;nonce="a\\"b\\\\c";alg="ed25519";tag="t"'
  const [first, second] = readSignatureInput(text)!
  assert.deepEqual([first!.label, first!.components, first!.created, first!.keyId], ['sig1', ['@method', '@target-uri', '@authority', 'content-digest', 'cache-control'], 1618884475, 'test-key-rsa-pss'])
  assert.equal(first!.parameters, '("@method" "@target-uri" "@authority" "content-digest" "cache-control");created=1618884475;keyid="test-key-rsa-pss"')
  assert.deepEqual([second!.components, second!.expires, second!.nonce, second!.algorithm, second!.tag], [[], 1618884500, 'a"b\\c', 'ed25519', 't'])
})

const wrong = [
  '', 'sig1', 'sig1=', 'sig1=1', 'sig1="x"', 'Sig1=()', 'sig1=("a"', 'sig1=("a")x', 'sig1=("a"  "b")', 'sig1=( "a")', 'sig1=("a" )', 'sig1=("a";sf)', 'sig1=("a" b)', 'sig1=("a" "a")',
  'sig1=("a");created', 'sig1=("a");created=1.5', 'sig1=("a");created=1e3', 'sig1=("a");created=1; keyid="x"', 'sig1=("a");keyid="x";keyid="y"', 'sig1=("a");keyid="\u00e9"', 'sig1=("a");keyid="x\\n"',
  'sig1=(),', 'sig1=(),sig1=()', 'sig1=() sig2=()', ',sig1=()', 'sig1=("a\\"")', `sig1=("${'x'.repeat(8200)}")`, Array.from({ length: 9 }, (_, index) => `s${index}=()`).join(', '),
  `sig1=(${Array.from({ length: 65 }, (_, index) => `"f${index}"`).join(' ')})`,
]
for (const text of wrong) test(`no input: ${JSON.stringify(text.slice(0, 40))}`, () => assert.equal(readSignatureInput(text), undefined))

test('signatures are read by label, and one that is none spoils all', () => {
  assert.deepEqual([...readSignatures('sig1=:AAEC:, sig2=:AA==:')!], [['sig1', 'AAEC'], ['sig2', 'AA==']])
  for (const text of ['sig1=AAEC', 'sig1=:AA-_:', 'sig1=:A A:', 'sig1=:AAEC', 'sig1=::, sig1=::', '']) assert.equal(readSignatures(text), undefined, text)
})

test('what a client makes up to be slow to read is read in no time', () => {
  for (const text of [`sig1=(${'"a" '.repeat(1500)}`, `sig1=()${';a="'.repeat(1500)}`, 'sig1=('.repeat(1300), `sig1=("${'a" "'.repeat(1500)}`]) assert.equal(readSignatureInput(text), undefined)
})
