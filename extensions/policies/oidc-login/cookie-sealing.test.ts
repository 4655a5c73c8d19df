import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CookieSealing } from './cookie-sealing.ts'

const [first, second] = ['a'.repeat(32), 'b'.repeat(32)]

test('what was sealed opens, never looks the same twice, and shows nothing of the text', () => {
  const sealing = new CookieSealing([first], 'session')
  const text = 'the user: αβγ'
  const [one, other] = [sealing.seal(text), sealing.seal(text)]
  assert.equal(sealing.open(one), text)
  assert.notEqual(one, other)
  assert.ok(!Buffer.from(one, 'base64url').includes('user'))
  assert.equal(sealing.open(sealing.seal('')), '')
})

test('one byte changed anywhere, or taken away, and it does not open', () => {
  const sealing = new CookieSealing([first], 'session')
  const bytes = Buffer.from(sealing.seal('{"sub":"alice"}'), 'base64url')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed[at]! ^= 1
    assert.equal(sealing.open(changed.toString('base64url')), undefined, `byte ${at}`)
    assert.equal(sealing.open(bytes.subarray(0, at).toString('base64url')), undefined, `${at} bytes`)
  }
  assert.equal(sealing.open('no such thing; at all'), undefined)
})

test('another secret or another purpose does not open it; a secret that was put behind a new one still does', () => {
  const sealed = new CookieSealing([first], 'session').seal('text')
  assert.equal(new CookieSealing([second], 'session').open(sealed), undefined)
  assert.equal(new CookieSealing([first], 'state').open(sealed), undefined)
  const rotated = new CookieSealing([second, first], 'session')
  assert.equal(rotated.open(sealed), 'text')
  assert.equal(new CookieSealing([first], 'session').open(rotated.seal('text')), undefined)
})
