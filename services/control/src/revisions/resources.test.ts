import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deleteResource, findResource, listResources, pathOfResource, policyName, putResource, type WrittenDocument } from './resources.ts'

const document: WrittenDocument = { version: 1, routes: [{ name: 'a', match: {} }, { name: 'b', match: {} }], policies: [{ cors: {} }], upstreams: { users: {} } }

test('a resource is put in its place or at the end, and the document before stays what it was', () => {
  const before = JSON.stringify(document)
  const replaced = putResource(document, 'routes', 'a', { match: { path: '/x' } })
  assert.deepEqual(replaced.routes, [{ name: 'a', match: { path: '/x' } }, { name: 'b', match: {} }])
  assert.deepEqual(pathOfResource(replaced, 'routes', 'b'), ['routes', 1])
  assert.deepEqual(putResource(document, 'routes', 'c', {}).routes?.map((route) => route.name), ['a', 'b', 'c'])
  assert.deepEqual(putResource(document, 'upstreams', 'users', { name: 'users', drainSeconds: 1 }).upstreams, { users: { drainSeconds: 1 } })
  assert.equal(JSON.stringify(document), before)
})

test('a policy goes by its name, else by its type', () => {
  assert.equal(policyName({ 'rate-limit': { name: 'hourly' } }), 'hourly')
  assert.equal(policyName({ cors: false }), 'cors')
  assert.deepEqual(putResource(document, 'policies', 'cors', { name: 'cors', cors: { origins: [] } }).policies, [{ cors: { origins: [] } }])
  assert.deepEqual(deleteResource(document, 'policies', 'cors').policies, [])
})

test('a name that only objects know is no resource', () => {
  assert.equal(findResource(document, 'upstreams', 'constructor'), undefined)
  assert.deepEqual(listResources({ version: 1 }, 'upstreams'), [])
})
