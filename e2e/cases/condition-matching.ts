// RT4 (consumer groups: `group-matching.ts`), RT5
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ask, bodyOf, named } from '../actors/ask.ts'
import type { Case } from './case.ts'

const onFields = [
  named('v2', { path: '/a', headers: { 'x-version': '2' } }),
  named('v3-beta', { path: '/a', headers: { 'x-version': '~^3\\.' }, query: { beta: 'true' } }),
  named('v3', { path: '/a', headers: { 'x-version': '~^3\\.' } }),
  named('debug', { path: '/a', query: { debug: '*' } }),
  named('numbered', { path: '/a', query: { page: '~^[0-9]+$' } }),
  named('plain', { path: '/a' }),
]

const onAddresses = [
  named('proxied', { path: '/where', addresses: ['203.0.113.0/24', '2001:db8::/32'] }),
  named('local', { path: '/where', addresses: ['127.0.0.0/8', '::1/128'] }),
]

const overlapping = [
  named('exact', { path: '/p/one/two' }),
  named('literal-left', { path: '/p/one/{b}' }),
  named('literal-right', { path: '/p/{a}/two' }),
  named('tail', { path: '/p/{rest*}' }),
  named('long-prefix', { pathPrefix: '/p/one' }),
  named('short-prefix', { pathPrefix: '/' }),
  named('regex', { pathRegex: '^/p/' }),
  named('host', { hosts: ['special.test'], pathPrefix: '/' }),
]

export const conditionMatching: Case = {
  name: 'a route is found by conditions, in one order of precedence',
  async run(system, t) {
    await system.apply({ routes: [...onFields, ...onAddresses, ...overlapping], trustedProxies: ['127.0.0.1', '::1'] })

    await t.test('a field may have to be equal, present or like a pattern', async () => {
      assert.equal(await bodyOf(system, '/a', { headers: { 'X-Version': '2' } }), 'v2')
      assert.equal(await bodyOf(system, '/a', { headers: { 'x-version': '3.1' } }), 'v3')
      assert.equal(await bodyOf(system, '/a?debug=', {}), 'debug')
      assert.equal(await bodyOf(system, '/a?page=12'), 'numbered')
      assert.equal(await bodyOf(system, '/a?page=twelve'), 'plain')
    })

    await t.test('more conditions go first, and when one fails the next route is tried', async () => {
      assert.equal(await bodyOf(system, '/a?beta=true', { headers: { 'x-version': '3.0' } }), 'v3-beta')
      assert.equal(await bodyOf(system, '/a?beta=false', { headers: { 'x-version': '3.0' } }), 'v3')
      assert.equal(await bodyOf(system, '/a', { headers: { 'x-version': '4' } }), 'plain')
    })

    await t.test("the client's address decides, as a trusted proxy reports it", async () => {
      assert.equal(await bodyOf(system, '/where'), 'local')
      assert.equal(await bodyOf(system, '/where', { headers: { 'x-forwarded-for': '203.0.113.9' } }), 'proxied')
      assert.equal(await bodyOf(system, '/where', { headers: { forwarded: 'for="[2001:db8::7]"' } }), 'proxied')
    })

    const expected: Record<string, string> = { '/p/one/two': 'exact', '/p/one/x': 'literal-left', '/p/y/two': 'literal-right', '/p/y/x': 'tail', '/p/one/x/y': 'tail', '/q': 'short-prefix' }
    await t.test('exact goes before parameters, tail, prefix and pattern, whatever the order in the file', async () => {
      for (const routes of [overlapping, overlapping.toReversed()]) {
        await system.apply({ routes })
        for (const [path, name] of Object.entries(expected)) assert.equal(await bodyOf(system, path), name, path)
        assert.equal(await bodyOf(system, '/p/one/two', { headers: { host: 'special.test' } }), 'host')
      }
    })

    await t.test('a route that another one covers is pointed out when the configuration is checked', async () => {
      const file = join(system.directory, 'shadowed.yaml')
      await writeFile(file, JSON.stringify(system.complete({ routes: [named('first', { path: '/u/{id}' }), named('second', { path: '/u/{name}' })] })))
      const { code, stderr } = await system.cli(['check', '-c', file])
      assert.equal(code, 0)
      assert.match(stderr, /warning: .*the route "second" never matches: "first" matches the same requests/)
      assert.equal((await ask(system, '/u/1')).status, 200, 'a check changes nothing')
    })
  },
}
