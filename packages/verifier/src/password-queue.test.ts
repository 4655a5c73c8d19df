import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createVerifier } from './verifier.ts'

test('what can wait is looked at after everything else, whenever that came', async (t) => {
  const verifier = createVerifier()
  t.after(() => verifier.close())
  const hash = await verifier.hashPassword('right')
  const order: string[] = []
  const check = (name: string, canWait: boolean) => verifier.verifyPassword(hash, 'right', canWait).then(() => void order.push(name))
  await Promise.all([check('waits 1', true), check('waits 2', true), check('waits 3', true), check('first 1', false), check('first 2', false)])
  // The one that the thread had begun with is not taken from it.
  assert.deepEqual(order, ['waits 1', 'first 1', 'first 2', 'waits 2', 'waits 3'])
})

test('what can wait has an end of its own, and takes no place from what cannot', async (t) => {
  const verifier = createVerifier({ passwordQueueLimit: 8 })
  t.after(() => verifier.close())
  const hash = await verifier.hashPassword('right')
  const waiting = Array.from({ length: 5 }, () => verifier.verifyPassword(hash, 'right', true))
  const first = Array.from({ length: 7 }, () => verifier.verifyPassword(hash, 'right'))
  const codes = (await Promise.allSettled([...waiting, ...first])).map((one) => (one.status === 'rejected' ? (one.reason as { code: string }).code : 'answered'))
  const overloaded = 'dependency.verifier_overloaded'
  assert.deepEqual(codes, ['answered', 'answered', 'answered', overloaded, overloaded, ...Array.from({ length: 7 }, () => 'answered')])
})
