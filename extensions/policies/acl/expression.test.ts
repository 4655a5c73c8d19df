import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf, identityOf } from '../exchange.contract.ts'
import { compileExpression, expressionProblem } from './expression.ts'

const claims = { tenant: 'a', level: 3, roles: ['reader', 'editor'], org: { 'unit-id': 'x', deep: { flag: true } }, none: null, text: '3', list: [1, [2]], 'https://example.com/plan': 'gold' }
const exchange = exchangeOf({
  method: 'PUT', path: '/t/a', parameters: { tenant: 'a' }, client: { address: '192.0.2.7' },
  identity: identityOf({ consumer: 'acme', groups: ['gold'], scopes: ['orders:write'], method: 'jwt', claims }),
})

const holding = [
  'claims.tenant == parameters.tenant', 'claims.tenant == "a" and claims.level == 3', 'claims.level >= 3 and claims.level < 4', '"editor" in claims.roles', 'not ("admin" in claims.roles)', 'not "admin" in claims.roles',
  'claims.tenant == "b" or claims.tenant == "a"', 'claims.missing == null', 'claims.none == null', 'claims.a.b.c == null', 'claims.org["unit-id"] == "x"', 'claims["https://example.com/plan"] == "gold"', 'claims.org.deep.flag',
  'claims.org.deep.flag == true', '"gold" in groups', '"orders:write" in scopes', 'consumer == "acme"', 'identifiedBy == "jwt"', 'method == "PUT" and path == "/t/a"', 'route == "get-user"', 'host == "api.example.com"', 'address == "192.0.2.7"',
  'credential != "other"', 'claims.level != "3"', '"b" > claims.tenant', '-1 < 0.5', 'true', '"a\\"b" != "a\\\\b"', '  claims.level==3  ', 'claims.tenant == "b" and claims.level == 3 or claims.level == 3',
]
for (const text of holding) test(`holds: ${text}`, () => assert.equal(compileExpression(text).holds(exchange), true))

const failing = [
  'claims.tenant == "b"', 'claims.level == "3"', 'claims.text == 3', 'claims.text > 2', 'claims.roles == "editor"', 'claims.roles != "editor"', 'claims.org == claims.org', 'claims.roles == claims.roles', 'claims.roles != claims.org', '2 in claims.list',
  '"editor" in claims.tenant', '"a" in claims.missing', 'claims.constructor != null', 'claims.__proto__ != null', 'claims.roles.length != null', 'claims.tenant.length != null', 'claims.missing > 0', 'claims.missing <= 0', 'null < 1', 'claims.tenant', 'claims.level', 'claims',
  'not true', 'false or null', '"gold" == groups', 'claims.none != null', 'claims.tenant == "b" or claims.level == 4 and true',
]
for (const text of failing) test(`does not hold: ${text}`, () => assert.equal(compileExpression(text).holds(exchange), false))

test('without a caller everything of it is null', () => {
  const bare = exchangeOf()
  for (const text of ['claims == null', 'claims.a == null', 'consumer == null', 'groups == null', 'not "x" in scopes']) assert.equal(compileExpression(text).holds(bare), true, text)
})

test('an expression says whether auth has to know the consumer', () => {
  assert.equal(compileExpression('claims.a == 1 and scopes == null').needsConsumer, false)
  for (const text of ['consumer == "a"', 'claims.a == 1 or not ("x" in groups)']) assert.equal(compileExpression(text).needsConsumer, true)
})

const wrong: readonly (readonly [string, RegExp])[] = [
  ['', /^character 1: the end stands where a value is expected$/],
  ['claims.a ==', /^character 12: the end/],
  ['claims.a = 1', /^character 9: this is neither/],
  ['claims.a == \'x\'', /^character 12: this is neither/],
  ['claim.a == 1', /^character 1: "claim" stands where one of claims, consumer/],
  ['claims. == 1', /where a name is expected/],
  ['claims[1] == 1', /where a name in quotes is expected/],
  ['claims["a" == 1', /where "\]" is expected/],
  ['(claims.a == 1', /where "\)" is expected/],
  ['claims.a == 1 claims.b', /^character 15: "claims" stands where "and", "or" or the end is expected$/],
  ['a and', /where one of/],
  ['true and and', /where a value is expected/],
  ['1 < 2 < 3', /where "and", "or" or the end/],
  [`${'('.repeat(60)}true${')'.repeat(60)}`, /deeper than 50/],
  [`${'not '.repeat(60)}true`, /deeper than 50/],
  [`"${'x'.repeat(2000)}" == null`, /longer than 2000/],
]
for (const [text, message] of wrong) test(`no expression: ${text.slice(0, 30)}`, () => assert.match(expressionProblem(text) ?? 'none', message))
