import assert from 'node:assert/strict'
import { test } from 'node:test'
import { referencesIn, withReferencesResolved } from './references.ts'

const document = {
  upstreams: { users: { endpoints: [{ url: 'env:USERS_URL' }], labels: { stage: 'env:prod' }, owner: 'file:team' } },
  routes: [{ name: 'a', match: { headers: { name: 'env:VERSION' } }, policies: [{ jwt: { name: 'env:x', jwksFile: 'keys/jwks.json' } }] }],
}

test('references are found in settings, not in names, labels and owners', () => {
  assert.deepEqual(referencesIn(document).map((found) => [found.reference, found.path.join('/')]), [
    ['env:USERS_URL', 'upstreams/users/endpoints/0/url'],
    ['env:VERSION', 'routes/0/match/headers/name'],
    ['file:keys/jwks.json', 'routes/0/policies/0/jwt/jwksFile'],
  ])
})

test('a document with its references resolved holds the values, and leaves the written one as it was', () => {
  const before = JSON.stringify(document)
  const resolved = withReferencesResolved(document, { 'env:USERS_URL': 'http://127.0.0.1:1', 'file:keys/jwks.json': '{"keys":[]}' })
  assert.equal(resolved.upstreams.users.endpoints[0]?.url, 'http://127.0.0.1:1')
  assert.equal(resolved.routes[0]?.policies[0]?.jwt.jwksFile, '{"keys":[]}')
  assert.equal(resolved.routes[0]?.match.headers.name, 'env:VERSION')
  assert.equal(JSON.stringify(document), before)
})

test('a file setting holds a path, or a reference to the content itself', () => {
  const listeners = { https: { certificates: [{ certFile: 'cert.pem', keyFile: 'env:TLS_KEY' }, { certFile: 'file:other.pem', keyFile: 'other.key' }] } }
  assert.deepEqual(referencesIn({ listeners }).map((found) => found.reference), ['file:cert.pem', 'env:TLS_KEY', 'file:other.pem', 'file:other.key'])
  const resolved = withReferencesResolved({ listeners }, { 'file:cert.pem': 'CERT', 'env:TLS_KEY': 'KEY', 'file:other.pem': 'OTHER' })
  assert.deepEqual(resolved.listeners.https.certificates, [{ certFile: 'CERT', keyFile: 'KEY' }, { certFile: 'OTHER', keyFile: 'other.key' }])
})

test('the files that a policy lists are read, and nothing else that is called so', () => {
  const policies = [{ 'ip-restriction': { files: ['drop.txt'] } }, { 'ip-restriction': { files: { allow: ['country.txt'], deny: ['env:DENIED'] } } }, { 'fixed-response': { body: { files: ['a'] } } }]
  assert.deepEqual(referencesIn({ policies }).map((found) => found.reference), ['file:drop.txt', 'file:country.txt', 'env:DENIED'])
  const resolved = withReferencesResolved({ policies }, { 'file:drop.txt': '10.0.0.0/8', 'file:country.txt': '1.1.1.1' })
  assert.deepEqual(resolved.policies.slice(0, 2), [{ 'ip-restriction': { files: ['10.0.0.0/8'] } }, { 'ip-restriction': { files: { allow: ['1.1.1.1'], deny: ['env:DENIED'] } } }])
})

test('parts without a reference are shared, not copied', () => {
  const resolved = withReferencesResolved(document, { 'env:USERS_URL': 'http://127.0.0.1:1' })
  assert.equal(resolved.routes, document.routes)
  assert.notEqual(resolved.upstreams, document.upstreams)
})
