import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isFieldValue, normalisePath } from '@sluice/http'
import { exchangeOf, identityOf } from './exchange.contract.ts'
import { compileTemplate, fillField, fillParameter, fillPath, templateProblem } from './value-template.ts'

const caller = (claims: Record<string, unknown>) => exchangeOf({ identity: identityOf({ claims }), parameters: { id: '7' } })

test('a text without holes is itself', () => {
  assert.equal(compileTemplate('').literal, '')
  assert.equal(compileTemplate('a {{b}} c').literal, 'a {b} c')
})

test('holes are filled wherever they stand', () => {
  assert.equal(fillField(compileTemplate('{id}-{consumer}-{claim:a}'), caller({ a: 'x' })), '7-acme-x')
  assert.equal(fillField(compileTemplate('{{{id}}}'), caller({})), '{7}')
})

test('what is not there is empty', () => {
  assert.equal(fillField(compileTemplate('[{other}{claim:a}{consumer}]'), exchangeOf()), '[]')
  assert.equal(fillField(compileTemplate('[{claim:toString}]'), caller({})), '[]')
})

test('claims that are no text are written as one', () => {
  assert.equal(fillField(compileTemplate('{claim:a}|{claim:b}|{claim:c}|{claim:d}'), caller({ a: [1, 'x'], b: true, c: { k: 1 }, d: null })), '1,x|true|{"k":1}|')
})

for (const text of ['{', '}', 'a}b', '{}', '{a-b}', '{claim:}', '{{a}', '{user id}']) {
  test(`the template ${JSON.stringify(text)} is a problem`, () => {
    assert.notEqual(templateProblem(text), undefined)
  })
}

test('whatever a token holds, a field stays a field and a path keeps its segments', () => {
  const field = compileTemplate('a{claim:a}b')
  const path = compileTemplate('/x/y{claim:a}z/w')
  fc.assert(fc.property(fc.string({ unit: 'binary' }), (text) => {
    const exchange = caller({ a: text })
    assert.ok(isFieldValue(fillField(field, exchange)))
    const filled = fillPath(path, exchange)
    assert.equal(filled.split('/').length, 4)
    assert.equal(normalisePath(filled)?.split('/').length ?? 4, 4)
  }))
})

test('a path parameter goes into the query as what it stands for', () => {
  const template = compileTemplate('{id}')
  assert.equal(fillParameter(template, exchangeOf({ parameters: { id: 'a%2Fb' } })), 'a/b')
  assert.equal(fillParameter(template, exchangeOf({ parameters: { id: '%FF' } })), '%FF')
})
