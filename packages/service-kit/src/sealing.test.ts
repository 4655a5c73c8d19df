import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createSealing, sealingFrom, sealingIn } from './sealing.ts'

function directoryOf(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-sealing-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('what is sealed comes back, and equal values are sealed to equal texts', () => {
  const sealing = createSealing([randomBytes(32)])
  for (const value of ['', 'a secret', 'ä'.repeat(10_000)]) {
    const sealed = sealing.seal(value)
    assert.equal(sealing.unseal(sealed), value)
    assert.equal(sealing.seal(value), sealed)
    assert.ok(value === '' || !Buffer.from(sealed, 'base64url').includes(value))
  }
  assert.notEqual(sealing.seal('one'), sealing.seal('two'))
})

test('a sealed value in which any byte was changed is refused', () => {
  const sealing = createSealing([randomBytes(32)])
  const sealed = Buffer.from(sealing.seal('a secret'), 'base64url')
  for (let index = 0; index < sealed.length; index++) {
    const changed = Buffer.from(sealed)
    changed[index]! ^= 1
    assert.throws(() => sealing.unseal(changed.toString('base64url')), /sealed/, `byte ${index}`)
  }
  for (const nonsense of ['', 'nonsense', sealed.subarray(0, 20).toString('base64url')]) assert.throws(() => sealing.unseal(nonsense), /it is no sealed value|was changed|not known/)
})

test('a new key seals, and what the old one sealed can still be read', () => {
  const [old, young] = [randomBytes(32), randomBytes(32)]
  const before = createSealing([old])
  const after = createSealing([young, old])
  assert.equal(after.unseal(before.seal('a secret')), 'a secret')
  assert.throws(() => before.unseal(after.seal('a secret')), /a key that is not known here/)
})

test('a key is made once, for its owner alone', (t) => {
  const directory = directoryOf(t)
  const sealed = sealingIn(directory).seal('a secret')
  assert.equal(sealingIn(directory).unseal(sealed), 'a secret')
  assert.equal(statSync(join(directory, 'sealing-key')).mode & 0o777, 0o600)
})

test('a file that holds no keys is told by its setting, without its content', (t) => {
  const file = join(directoryOf(t), 'keys')
  assert.throws(() => sealingFrom(file, 'SLUICE_SEALING_KEY'), /SLUICE_SEALING_KEY: .*keys cannot be read \(ENOENT\)/)
  for (const text of ['', 'short\n', `${randomBytes(32).toString('base64url')}\nnonsense\n`]) {
    writeFileSync(file, text)
    assert.throws(() => sealingFrom(file, 'SLUICE_SEALING_KEY'), (error: Error) => /holds no keys/.test(error.message) && !error.message.includes('nonsense'))
  }
})
