import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { certificateNames, wildcardFor } from './certificate-names.ts'

const names = (subjectAltName: string | undefined) => certificateNames({ subjectAltName })

describe('the names of a certificate', () => {
  it('are its DNS names in lower case, each once, in their order', () => {
    assert.deepEqual(names('DNS:B.example.com, DNS:a.example.com., IP Address:127.0.0.1, DNS:b.example.com, DNS:*.example.com'), ['b.example.com', 'a.example.com', '*.example.com'])
  })

  it('are none without alternative names', () => {
    assert.deepEqual(names(undefined), [])
    assert.deepEqual(names('IP Address:127.0.0.1, email:a@example.com'), [])
  })

  it('leave out a wildcard that is not the whole first label, and names that DNS cannot hold', () => {
    assert.deepEqual(names('DNS:w*.example.com, DNS:a.*.example.com, DNS:*, DNS:, DNS:a..b, DNS:"a.example.com, DNS:evil.example.com"'), [])
  })
})

describe('the wildcard for a name', () => {
  it('stands for its first label alone', () => {
    assert.equal(wildcardFor('a.b.example.com'), '*.b.example.com')
  })

  it('does not exist for a single label', () => {
    assert.equal(wildcardFor('localhost'), undefined)
    assert.equal(wildcardFor('.example.com'), undefined)
  })
})
