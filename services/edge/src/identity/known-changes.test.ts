import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { CredentialChangeKind } from '@sluice/proto/messages/auth'
import { aboutConsumer, aboutCredential, aboutSubject, type ChangeFacts, KnownChanges } from './known-changes.ts'

const consumerChange = (version: number, consumer: string, subjects: string[] = []): ChangeFacts => ({ kind: CredentialChangeKind.CONSUMER, version, consumer, credentialId: '', subjects })
const credentialChange = (version: number, consumer: string, credentialId: string): ChangeFacts => ({ kind: CredentialChangeKind.CREDENTIAL, version, consumer, credentialId, subjects: [] })
const acme = [aboutCredential('k1'), aboutConsumer('acme')]

suite('whether an answer still holds', () => {
  test('it does while nothing was heard of what it is about', () => {
    const changes = new KnownChanges()
    const mark = changes.heard
    changes.hear(consumerChange(8, 'other'))
    changes.hear(credentialChange(9, 'acme', 'k2'))
    assert.equal(changes.holds(mark, 7, acme), true)
  })

  test('it does not after a change to its credential, its consumer or its subject', () => {
    for (const change of [credentialChange(8, 'acme', 'k1'), consumerChange(8, 'acme')]) {
      const changes = new KnownChanges()
      const mark = changes.heard
      changes.hear(change)
      assert.equal(changes.holds(mark, 7, acme), false)
    }
    const changes = new KnownChanges()
    const mark = changes.heard
    changes.hear(consumerChange(8, 'acme', ['s1']))
    assert.equal(changes.holds(mark, 7, [aboutSubject('s1')]), false)
    assert.equal(changes.holds(mark, 7, [aboutSubject('s2')]), true)
  })

  test('an answer that was on its way while the change passed it does not, whatever version it names', () => {
    const changes = new KnownChanges()
    const mark = changes.heard
    changes.hear(credentialChange(8, 'acme', 'k1'))
    assert.equal(changes.holds(mark, 8, acme), false)
  })

  test('an answer asked for afterwards does, unless auth read it from before the change', () => {
    const changes = new KnownChanges()
    changes.hear(credentialChange(8, 'acme', 'k1'))
    assert.equal(changes.holds(changes.heard, 8, acme), true)
    assert.equal(changes.holds(changes.heard, 7, acme), false)
  })

  test('a change told a second time, late, does not make what was asked since look new enough', () => {
    const changes = new KnownChanges()
    changes.hear(credentialChange(9, 'acme', 'k1'))
    changes.hear(credentialChange(8, 'acme', 'k1'))
    assert.equal(changes.holds(changes.heard, 8, acme), false)
    assert.equal(changes.holds(changes.heard, 9, acme), true)
  })

  test('after everything is forgotten nothing from before does', () => {
    const changes = new KnownChanges()
    const mark = changes.heard
    changes.forgetEverything(20)
    assert.equal(changes.holds(mark, 20, acme), false)
    assert.equal(changes.holds(changes.heard, 19, acme), false)
    assert.equal(changes.holds(changes.heard, 20, acme), true)
  })

  test('more changes than can be told apart end everything from before', () => {
    const changes = new KnownChanges()
    const mark = changes.heard
    for (let version = 1; version <= 10_001; version++) changes.hear(consumerChange(version, `c${version}`))
    assert.equal(changes.holds(mark, 0, [aboutConsumer('never changed')]), false)
    assert.equal(changes.holds(changes.heard, 10_001, [aboutConsumer('never changed')]), true)
  })

  test('a kind of change that this edge does not know counts for all that it names', () => {
    const changes = new KnownChanges()
    const mark = changes.heard
    changes.hear({ kind: CredentialChangeKind.UNSPECIFIED, version: 8, consumer: 'acme', credentialId: 'k1', subjects: ['s1'] })
    for (const name of [...acme, aboutSubject('s1')]) assert.equal(changes.holds(mark, 7, [name]), false)
  })
})
