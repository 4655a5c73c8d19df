import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { checkClaims, type ClaimRules } from './claims.ts'

const open: ClaimRules = { issuer: undefined, audiences: [], leewaySeconds: 0, requiredClaims: [] }
const now = 1_800_000_000

suite('claims', () => {
  test('without rules and dates a token passes', () => {
    assert.equal(checkClaims({}, open, now), undefined)
  })

  test('the leeway moves every date by as much, and no more', () => {
    const rules = { ...open, leewaySeconds: 30 }
    assert.equal(checkClaims({ exp: now - 29, nbf: now + 30, iat: now + 30 }, rules, now), undefined)
    assert.equal(checkClaims({ exp: now - 30 }, rules, now), 'expired')
    assert.equal(checkClaims({ nbf: now + 31 }, rules, now), 'not_yet_valid')
    assert.equal(checkClaims({ iat: now + 31 }, rules, now), 'issued_in_future')
  })

  test('one common audience is enough', () => {
    const rules = { ...open, audiences: ['api', 'web'] }
    assert.equal(checkClaims({ aud: 'web' }, rules, now), undefined)
    assert.equal(checkClaims({ aud: ['billing', 'api'] }, rules, now), undefined)
    assert.equal(checkClaims({ aud: ['billing'] }, rules, now), 'wrong_audience')
  })

  test('a required value may be the claim, or stand in a list', () => {
    const rules = { ...open, requiredClaims: { roles: 'admin' } }
    assert.equal(checkClaims({ roles: 'admin' }, rules, now), undefined)
    assert.equal(checkClaims({ roles: ['reader', 'admin'] }, rules, now), undefined)
    assert.equal(checkClaims({ roles: ['administrator'] }, rules, now), 'claim_mismatch')
    assert.equal(checkClaims({ roles: { admin: true } }, rules, now), 'claim_mismatch')
  })

  test('of several required values one is enough', () => {
    const rules = { ...open, requiredClaims: { plan: ['gold', 'silver'], level: 3 } }
    assert.equal(checkClaims({ plan: 'silver', level: 3 }, rules, now), undefined)
    assert.equal(checkClaims({ plan: ['bronze', 'gold'], level: [1, 3] }, rules, now), undefined)
    assert.equal(checkClaims({ plan: 'bronze', level: 3 }, rules, now), 'claim_mismatch')
    assert.equal(checkClaims({ plan: 'gold', level: '3' }, rules, now), 'claim_mismatch')
  })

  test('false and zero are values, not missing', () => {
    assert.equal(checkClaims({ trial: false, level: 0 }, { ...open, requiredClaims: ['trial', 'level'] }, now), undefined)
  })
})
