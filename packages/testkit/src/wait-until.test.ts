import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from './wait-until.ts'

test('the first truthy answer is returned', async () => {
  let asked = 0
  assert.equal(await waitUntil(() => (++asked === 3 ? 'there' : undefined), { everyMs: 1 }), 'there')
  assert.equal(asked, 3)
})

test('a wait in vain names what it waited for, with the last error as its cause', async () => {
  const refuse = () => {
    throw new Error('refused')
  }
  await assert.rejects(waitUntil(refuse, { timeoutMs: 20, what: 'the port' }), (error: Error) => {
    assert.match(error.message, /20 ms for the port/)
    assert.match(String(error.cause), /refused/)
    return true
  })
})
