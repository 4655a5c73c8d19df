import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { FlapDamping } from './flap-damping.ts'

suite('an endpoint that flaps', () => {
  test('one that goes and comes back once is used at once', () => {
    const damping = new FlapDamping()
    damping.noteChange(0)
    damping.noteChange(5000)
    assert.equal(damping.isSuppressed(5000), false)
  })

  test('one that changes every five seconds is left out within 20 s, and used again after less than two minutes of rest', () => {
    const damping = new FlapDamping()
    for (const at of [0, 5000, 10_000, 15_000]) damping.noteChange(at)
    assert.equal(damping.isSuppressed(15_000), true)
    const rest = damping.remainingMs(15_000)
    assert.ok(rest > 90_000 && rest < 120_000, `${rest}`)
    assert.equal(damping.isSuppressed(15_000 + rest - 1000), true)
    assert.equal(damping.isSuppressed(15_000 + rest), false)
  })

  test('a change an hour costs nothing', () => {
    const damping = new FlapDamping()
    for (let hour = 0; hour < 24; hour++) damping.noteChange(hour * 3_600_000)
    assert.equal(damping.isSuppressed(23 * 3_600_000), false)
  })
})
