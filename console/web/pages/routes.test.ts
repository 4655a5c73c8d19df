import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Route } from '../api/answers.ts'
import { matchOf } from './routes.ts'

const matching = (match: Route['match'] & Record<string, unknown>) => matchOf({ name: 'one', match })

test('a match is told by methods, hosts and path', () => {
  assert.equal(matching({ path: '/users/{id}', methods: ['GET', 'PUT'], hosts: ['a.example', '*.b.example'] }), 'GET|PUT a.example|*.b.example /users/{id}')
  assert.deepEqual([{ pathPrefix: '/api/' }, { pathPrefix: '/' }, { pathRegex: '^/x' }, {}].map((match) => matching(match)), ['/api/…', '/…', '~ ^/x', 'any path'])
})

test('further conditions are named', () => {
  assert.equal(matching({ path: '/', headers: { 'x-version': '2' }, query: { beta: 'true' } }), '/ and headers, query')
})
