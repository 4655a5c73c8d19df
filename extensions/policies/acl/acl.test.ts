import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, fieldValues, identityOf, refusalOf } from '../exchange.contract.ts'
import type { Identity } from '../exchange.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult } from '../policy.ts'
import * as module from './acl.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{ allow: { groups: ['gold'] } }], required: '' })

function run(settings: Record<string, unknown>, identity?: Identity): HookResult {
  return module.compile(settingsOf(schema, settings)).onRequest!(exchangeOf(identity === undefined ? {} : { identity })) as HookResult
}

function outcome(settings: Record<string, unknown>, changes: Partial<Identity>): string {
  const result = run(settings, identityOf(changes))
  return result?.kind === 'refusal' ? result.code : 'passes'
}

const cases: readonly (readonly [string, Record<string, unknown>, Partial<Identity>, string])[] = [
  ['a member of an allowed group', { allow: { groups: ['gold', 'silver'] } }, { groups: ['x', 'silver'] }, 'passes'],
  ['a member of other groups', { allow: { groups: ['gold'] } }, { groups: ['silver'] }, 'policy.forbidden'],
  ['an allowed consumer', { allow: { consumers: ['acme'] } }, {}, 'passes'],
  ['another consumer', { allow: { consumers: ['umbrella'] } }, {}, 'policy.forbidden'],
  ['an allowed consumer outside the allowed groups', { allow: { groups: ['gold'], consumers: ['acme'] } }, {}, 'passes'],
  ['a caller with all scopes', { allow: { scopes: ['a', 'b'] } }, { scopes: ['b', 'a', 'c'] }, 'passes'],
  ['a caller with one scope of two', { allow: { scopes: ['a', 'b'] } }, { scopes: ['a'] }, 'policy.forbidden'],
  ['a member of the group without the scope', { allow: { groups: ['gold'], scopes: ['a'] } }, { groups: ['gold'] }, 'policy.forbidden'],
  ['a claim that has the value', { allow: { claims: { role: 'admin', level: 3 } } }, { claims: { role: 'admin', level: 3 } }, 'passes'],
  ['a claim that has one of the values', { allow: { claims: { role: ['admin', 'root'] } } }, { claims: { role: 'root' } }, 'passes'],
  ['a claim that is a list with the value', { allow: { claims: { roles: 'admin' } } }, { claims: { roles: ['user', 'admin'] } }, 'passes'],
  ['one claim of two', { allow: { claims: { role: 'admin', level: 3 } } }, { claims: { role: 'admin' } }, 'policy.forbidden'],
  ['a number where a text is asked for', { allow: { claims: { level: '3' } } }, { claims: { level: 3 } }, 'policy.forbidden'],
  ['a claim that every object has', { allow: { claims: { constructor: 'x' } } }, { claims: {} }, 'policy.forbidden'],
  ['a caller without claims', { allow: { claims: { role: 'admin' } } }, {}, 'policy.forbidden'],
  ['a denied consumer that is allowed, too', { allow: { groups: ['gold'] }, deny: { consumers: ['acme'] } }, { groups: ['gold'] }, 'policy.forbidden'],
  ['a denied claim among others', { deny: { consumers: ['x'], claims: { suspended: true } } }, { claims: { suspended: true } }, 'policy.forbidden'],
  ['one denied scope of two', { deny: { scopes: ['a', 'b'] } }, { scopes: ['b'] }, 'policy.forbidden'],
  ['whoever is not denied', { deny: { groups: ['blocked'] } }, { groups: ['gold'] }, 'passes'],
  ['a caller whose consumer could not be asked, by group', { allow: { groups: ['gold'] } }, { resolved: false }, 'dependency.auth_unreachable'],
  ['a caller whose consumer could not be asked, by denied consumer', { deny: { consumers: ['x'] } }, { resolved: false }, 'dependency.auth_unreachable'],
  ['a caller whose consumer could not be asked, by scope', { allow: { scopes: ['a'] } }, { resolved: false, scopes: ['a'] }, 'passes'],
]
for (const [who, settings, changes, expected] of cases) {
  test(`${who} against ${JSON.stringify(settings)}: ${expected}`, () => {
    assert.equal(outcome(settings, changes), expected)
  })
}

const conditions: readonly (readonly [string, Record<string, unknown>, Partial<Identity>, string])[] = [
  ['a caller of the tenant in the path', { allow: { when: 'claims.tenant == parameters.user_id' } }, { claims: { tenant: '7' } }, 'passes'],
  ['a caller of another tenant', { allow: { when: 'claims.tenant == parameters.user_id' } }, { claims: { tenant: '8' } }, 'policy.forbidden'],
  ['a condition that holds beside a group that does not', { allow: { groups: ['gold'], when: 'true' } }, {}, 'policy.forbidden'],
  ['a condition that does not hold beside a group that does', { allow: { groups: ['gold'], when: 'false' } }, { groups: ['gold'] }, 'policy.forbidden'],
  ['a condition that denies', { deny: { when: 'claims.suspended' } }, { claims: { suspended: true } }, 'policy.forbidden'],
  ['a condition that does not deny', { deny: { when: 'claims.suspended' } }, { claims: {} }, 'passes'],
  ['a caller whose groups could not be asked, by condition', { allow: { when: '"gold" in groups' } }, { resolved: false }, 'dependency.auth_unreachable'],
]
for (const [who, settings, changes, expected] of conditions) {
  test(`${who}: ${expected}`, () => {
    const result = module.compile(settingsOf(schema, settings)).onRequest!(exchangeOf({ identity: identityOf(changes), parameters: { user_id: '7' } })) as HookResult
    assert.equal(result?.kind === 'refusal' ? result.code : 'passes', expected)
  })
}

test('a condition that cannot be read is a problem at check, with its place', () => {
  assert.match(problemsOf(schema, { allow: { when: 'claims.a = 1' } })[0]!, /^no condition: character 9/)
})

test('an unknown caller is asked for a credential', async () => {
  const refusal = await refusalOf(run({ deny: { groups: ['x'] } }))
  assert.equal(refusal.code, 'policy.unauthenticated')
  assert.equal(fieldValues(refusal.headers, 'WWW-Authenticate').length, 1)
})

test('an acl that says nothing is a problem at check', () => {
  assert.match(problemsOf(schema, { allow: {} })[0]!, /at least one of "groups"/)
  assert.match(problemsOf(schema, { allow: { groups: [] } })[0]!, /Too small/)
})
