import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { StoredConsumer } from '@sluice/credential-stores/credential-store'
import { someHash } from '../../test/auth-harness.ts'
import { readConsumer, toResource, toStored } from './consumer-resource.ts'

const read = (value: object) => readConsumer(JSON.stringify(value))
const rules = { keepUnnamed: false, nowMs: 1000 }

suite('consumers as resources', () => {
  test('what is stored of a resource gives the resource back', () => {
    const resource = { name: 'acme', groups: ['a'], plan: 'free', labels: { b: 'c' }, owner: 'd', credentials: [{ apiKey: { id: 'k', hash: someHash, expiresAt: '2027-01-31T00:00:00.000Z' } }, { jwtSubject: 's' }] }
    assert.deepEqual(toResource(toStored(read(resource), undefined, rules)), resource)
    assert.deepEqual(toResource(toStored(read({ name: 'bare' }), undefined, rules)), { name: 'bare' })
  })

  test('an instant with an offset is the same instant', () => {
    const stored = toStored(read({ name: 'acme', credentials: [{ apiKey: { id: 'k', hash: someHash, expiresAt: '2027-01-31T02:00:00+02:00' } }] }), undefined, rules)
    assert.equal((stored.credentials[0] as { expiresAtMs: number }).expiresAtMs, Date.UTC(2027, 0, 31))
  })

  test('a key that is named again keeps the instant it was made at', () => {
    const before: StoredConsumer = { name: 'acme', groups: [], labels: {}, owner: '', credentials: [{ kind: 'apiKey', id: 'k', hash: someHash, expiresAtMs: 0, createdAtMs: 7 }] }
    const resource = read({ name: 'acme', credentials: [{ apiKey: { id: 'k', hash: someHash } }, { apiKey: { id: 'new', hash: someHash } }] })
    assert.deepEqual(toStored(resource, before, rules).credentials.map((credential) => credential.kind === 'apiKey' && credential.createdAtMs), [7, 1000])
  })

  test('a subject has one id wherever it is written, and another subject another', () => {
    const idOf = (subject: string) => toStored(read({ name: 'a', credentials: [{ jwtSubject: subject }] }), undefined, rules).credentials[0]!.id
    assert.equal(idOf('x'), idOf('x'))
    assert.notEqual(idOf('x'), idOf('X'))
  })

  test('user names and password hashes are shown as a file would hold them', () => {
    const stored: StoredConsumer = { name: 'acme', groups: [], labels: {}, owner: '', credentials: [{ kind: 'basic', id: 'b', username: 'acme', passwordHash: someHash }] }
    assert.deepEqual(toResource(stored), { name: 'acme', credentials: [{ basic: { username: 'acme', passwordHash: someHash } }] })
  })

  test('a problem names its place as a JSON Pointer', () => {
    assert.throws(() => read({ name: 'acme', labels: { 'a/b~c': 'x' } }), (error: { extra: { problems: { pointer: string }[] } }) => error.extra.problems[0]!.pointer === '/labels/a~1b~0c')
  })
})
