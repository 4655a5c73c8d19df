import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { configJsonSchema } from './index.ts'

const check = new Ajv2020({ strict: false, validateFormats: false }).compile(configJsonSchema())

test('an editor accepts what the gateway accepts', () => {
  const document = {
    version: 1,
    listeners: { http: { address: '127.0.0.1:8000' } },
    upstreams: { users: { endpoints: [{ url: 'http://127.0.0.1:9001' }] } },
    routes: [{ name: 'users', match: { path: '/users' }, upstream: 'users', policies: [{ 'rate-limit': { limit: 10 } }, { cors: false }] }],
  }
  assert.equal(check(document), true, JSON.stringify(check.errors))
})

test('an editor marks a misspelt setting of a policy and a policy that does not exist', () => {
  assert.equal(check({ version: 1, policies: [{ 'rate-limit': { limits: 10 } }] }), false)
  assert.equal(check({ version: 1, policies: [{ 'rate-limits': {} }] }), false)
  assert.equal(check({ version: 1, upstrems: {} }), false)
})
