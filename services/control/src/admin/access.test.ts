import assert from 'node:assert/strict'
import { test } from 'node:test'
import { codeOf } from '@sluice/errors'
import { Tokens } from './access.ts'

const tokens = new Tokens({ admin: 'admin-token-0000', edge: 'edge-token-00000' })

function outcome(authorization: string | undefined, needed: 'admin' | 'edge'): string {
  try {
    return tokens.authorise(authorization, needed)
  } catch (error) {
    return codeOf(error)
  }
}

test('each token opens what its role may, and nothing else', () => {
  assert.equal(outcome('Bearer admin-token-0000', 'admin'), 'admin')
  assert.equal(outcome('bearer edge-token-00000', 'edge'), 'edge')
  assert.equal(outcome('Bearer admin-token-0000', 'edge'), 'admin.forbidden')
  assert.equal(outcome('Bearer edge-token-00000', 'admin'), 'admin.forbidden')
})

test('what is no known bearer token is refused', () => {
  for (const authorization of [undefined, '', 'Bearer', 'Bearer ', 'Basic admin-token-0000', 'admin-token-0000', 'Bearer admin-token-000', `Bearer ${'x'.repeat(5000)}`, 'Bearer undefined']) {
    assert.equal(outcome(authorization, 'admin'), 'admin.unauthenticated', String(authorization))
  }
})

test('without a token for edges none opens their door', () => {
  const adminOnly = new Tokens({ admin: 'admin-token-0000' })
  assert.throws(() => adminOnly.authorise('Bearer undefined', 'edge'), { code: 'admin.unauthenticated' })
})
