import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from './header-fields.ts'
import { appendVia, forwardedScheme, writeForwardingFields, type ForwardingFacts } from './forwarding-fields.ts'

const facts: ForwardingFacts = { peer: '1.2.3.4', trusted: false, scheme: 'http', host: 'api.example.com:8000', port: 8000 }

function written(flat: string[], changes: Partial<ForwardingFacts> = {}): Record<string, string> {
  const fields = new HeaderFields(flat)
  writeForwardingFields(fields, { ...facts, ...changes })
  const record: Record<string, string> = {}
  for (let at = 0; at < fields.flat.length; at += 2) {
    const name = fields.flat[at]!.toLowerCase()
    assert.ok(!(name in record), `${name} stands twice`)
    record[name] = fields.flat[at + 1]!
  }
  return record
}

test('an upstream learns of the client by every field', () => {
  assert.deepEqual(written(['Accept', '*/*']), {
    accept: '*/*',
    'x-forwarded-for': '1.2.3.4',
    'x-forwarded-proto': 'http',
    'x-forwarded-host': 'api.example.com:8000',
    'x-forwarded-port': '8000',
    forwarded: 'for=1.2.3.4;host="api.example.com:8000";proto=http',
  })
})

test('an IPv6 client stands in brackets and quotes in Forwarded only', () => {
  const fields = written([], { peer: '2001:db8::1' })
  assert.equal(fields['x-forwarded-for'], '2001:db8::1')
  assert.ok(fields['forwarded']!.startsWith('for="[2001:db8::1]";'))
})

test('what an untrusted client claims is dropped', () => {
  const fields = written([
    'X-Forwarded-For', '6.6.6.6', 'x-forwarded-proto', 'https', 'X-Forwarded-Host', 'evil', 'X-Forwarded-Port', '1', 'X-FORWARDED-PREFIX', '/x',
    'Forwarded', 'for=6.6.6.6', 'X-Real-IP', '6.6.6.6', 'X-Kept', '1',
  ])
  assert.deepEqual(fields, { ...written([]), 'x-kept': '1' })
})

test('a trusted chain is continued and its view of the client kept', () => {
  const fields = written(['X-Forwarded-For', '9.9.9.9', 'X-Forwarded-For', '10.0.0.2', 'X-Forwarded-Proto', 'https', 'X-Forwarded-Host', 'shop.example', 'X-Forwarded-Port', '443'], { peer: '10.0.0.1', trusted: true })
  assert.equal(fields['x-forwarded-for'], '9.9.9.9, 10.0.0.2, 10.0.0.1')
  assert.equal(fields['x-forwarded-proto'], 'https')
  assert.equal(fields['x-forwarded-host'], 'shop.example')
  assert.equal(fields['x-forwarded-port'], '443')
  assert.equal(fields['forwarded'], 'for=9.9.9.9, for=10.0.0.2, for=10.0.0.1;host="api.example.com:8000";proto=http')
})

test('a trusted chain in Forwarded alone is continued in both spellings', () => {
  const fields = written(['Forwarded', 'for="[2001:db8::9]";proto=https;host=shop.example, for=_mesh'], { peer: '10.0.0.1', trusted: true })
  assert.equal(fields['x-forwarded-for'], '2001:db8::9, _mesh, 10.0.0.1')
  assert.equal(fields['x-forwarded-proto'], 'https')
  assert.equal(fields['x-forwarded-host'], 'shop.example')
  assert.ok(fields['forwarded']!.startsWith('for="[2001:db8::9]";proto=https;host=shop.example, for=_mesh, for=10.0.0.1;'))
})

test("a client's own Forwarded does not ride through a proxy that only knows X-Forwarded-For", () => {
  const fields = written(['Forwarded', 'for=6.6.6.6;proto=https;host=evil', 'X-Forwarded-For', '9.9.9.9'], { peer: '10.0.0.1', trusted: true })
  assert.equal(fields['forwarded'], 'for=9.9.9.9, for=10.0.0.1;host="api.example.com:8000";proto=http')
  assert.equal(fields['x-forwarded-proto'], 'http')
  assert.equal(fields['x-forwarded-host'], 'api.example.com:8000')
})

test('a trusted peer that says nothing starts a new chain', () => {
  assert.equal(written(['X-Real-IP', '9.9.9.9'], { peer: '10.0.0.1', trusted: true })['x-forwarded-for'], '10.0.0.1')
})

test('nonsense from a trusted peer falls back to what the connection says', () => {
  const fields = written(['X-Forwarded-For', '9.9.9.9', 'X-Forwarded-Proto', 'gopher', 'X-Forwarded-Host', 'a b', 'X-Forwarded-Port', 'x'], { trusted: true })
  assert.deepEqual([fields['x-forwarded-proto'], fields['x-forwarded-host'], fields['x-forwarded-port']], ['http', 'api.example.com:8000', '8000'])
})

test('the scheme a trusted peer reports is read from either field', () => {
  assert.equal(forwardedScheme(new HeaderFields(['X-Forwarded-Proto', 'HTTPS, http'])), 'https')
  assert.equal(forwardedScheme(new HeaderFields(['Forwarded', 'for=1.1.1.1;proto=https'])), 'https')
  assert.equal(forwardedScheme(new HeaderFields([])), undefined)
})

test('Via names this gateway after those before it', () => {
  const fields = new HeaderFields(['via', '1.0 a', 'Via', '1.1 b'])
  appendVia(fields, '2.0')
  assert.deepEqual(fields.flat, ['via', '1.0 a, 1.1 b, 2.0 sluice'])
  const none = new HeaderFields([])
  appendVia(none, '1.1')
  assert.deepEqual(none.flat, ['Via', '1.1 sluice'])
})
