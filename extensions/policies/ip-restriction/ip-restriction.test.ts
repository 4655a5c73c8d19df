import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exchangeOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult } from '../policy.ts'
import * as module from './ip-restriction.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{ deny: ['192.0.2.0/24'] }], required: '' })

function passes(settings: Record<string, unknown>, address: string): boolean {
  const result = module.compile(settingsOf(schema, settings)).onRequest!(exchangeOf({ client: { address } })) as HookResult
  if (result === undefined) return true
  assert.equal(result.kind === 'refusal' && result.code, 'policy.forbidden')
  return false
}

test('who is denied may not pass, and everybody else may', () => {
  const deny = ['192.0.2.0/24', '2001:db8::/32', '198.51.100.7']
  for (const address of ['192.0.2.9', '2001:db8:1::1', '198.51.100.7', '::ffff:192.0.2.9']) assert.equal(passes({ deny }, address), false, address)
  for (const address of ['192.0.3.9', '2001:db9::1', '198.51.100.8']) assert.equal(passes({ deny }, address), true, address)
})

test('with a list of who may pass nobody else may', () => {
  const allow = ['10.0.0.0/8']
  assert.equal(passes({ allow }, '10.1.2.3'), true)
  for (const address of ['11.0.0.1', '::1', '', 'unknown']) assert.equal(passes({ allow }, address), false, address)
})

test('who is on both lists may not pass', () => {
  const both = { allow: ['10.0.0.0/8'], deny: ['10.9.0.0/16'] }
  assert.equal(passes(both, '10.1.2.3'), true)
  assert.equal(passes(both, '10.9.2.3'), false)
})

const blockList = '; a list as it is published\r\n192.0.2.0/24 ; SBL1\r\n\r\n# more\r\n  2001:db8::/32\r\n198.51.100.7'

test('a list of files is one of who may not pass', () => {
  for (const address of ['192.0.2.9', '2001:db8::1', '198.51.100.7']) assert.equal(passes({ files: [blockList] }, address), false, address)
  assert.equal(passes({ files: [blockList] }, '203.0.113.1'), true)
})

test('files can be of who may pass, beside what stands in the settings', () => {
  const settings = { allow: ['203.0.113.1'], files: { allow: [blockList], deny: ['198.51.100.7'] } }
  for (const address of ['203.0.113.1', '192.0.2.9']) assert.equal(passes(settings, address), true, address)
  for (const address of ['198.51.100.7', '203.0.113.2']) assert.equal(passes(settings, address), false, address)
})

test('an empty file of who may pass lets nobody pass', () => {
  assert.equal(passes({ files: { allow: ['# nobody yet'] } }, '10.0.0.1'), false)
})

test('a line that is no address is a problem at check, by its number', () => {
  assert.deepEqual(problemsOf(schema, { files: ['10.0.0.1\n\n10.0.0/8 # short\nnonsense'] }), ['files.0: line 3 of the file is "10.0.0/8"; an address or a range such as "10.0.0.0/8" was expected'])
  assert.match(problemsOf(schema, { files: { deny: ['1.1.1.1'], allow: ['2.2.2.2', '<html>'] } })[0]!, /^files\.allow\.1: line 1 of the file is "<html>"/)
})

for (const settings of [{ deny: ['10.0.0/8'] }, { allow: [] }, { deny: ['example.com'] }, { files: 'list.txt' }, { files: {} }, { files: { block: ['a'] } }]) {
  test(`${JSON.stringify(settings)} is a problem at check`, () => {
    assert.ok(problemsOf(schema, settings).length > 0)
  })
}

test('a hundred thousand ranges cost a request no more than microseconds, and the next revision nothing', () => {
  const text = Array.from({ length: 100_000 }, (_, index) => `${20 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}.0/${24 + (index % 9)}`).join('\n')
  const settings = settingsOf(schema, { files: [text] })
  const policy = module.compile(settings)
  let began = performance.now()
  for (let revision = 0; revision < 20; revision++) module.compile(settingsOf(schema, { files: [text] }))
  const compiledMs = (performance.now() - began) / 20
  const exchange = exchangeOf({ client: { address: '20.7.9.0' } })
  began = performance.now()
  for (let request = 0; request < 20_000; request++) assert.ok(policy.onRequest!(exchange) !== undefined)
  const requestUs = ((performance.now() - began) * 1000) / 20_000
  // Ten times what an idle machine takes; building the set each time takes half a second.
  assert.ok(compiledMs < 150 && requestUs < 30, `${compiledMs} ms a revision, ${requestUs} µs a request`)
})
