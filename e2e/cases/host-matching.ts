// RT2
import assert from 'node:assert/strict'
import { fetchOnce } from '@sluice/testkit'
import { bodyOf, named, refusalOf } from '../actors/ask.ts'
import { sendRaw } from '../actors/raw-request.ts'
import type { Case } from './case.ts'

export const hostMatching: Case = {
  name: 'a route is found by its host',
  async run(system, t) {
    await system.apply({
      routes: [
        named('exact', { hosts: ['users.api.example.com'], path: '/' }),
        named('exact-8443', { hosts: ['users.api.example.com:8443'], path: '/' }),
        named('wildcard', { hosts: ['*.api.example.com'], path: '/' }),
        named('wider', { hosts: ['*.example.com'], path: '/' }),
        named('wildcard-9000', { hosts: ['*.example.net:9000'], path: '/' }),
        named('v6', { hosts: ['[::1]'], path: '/' }),
        named('any', { path: '/any' }),
      ],
    })
    const from = (host: string) => bodyOf(system, '/', { headers: { host } })

    await t.test('an exact host matches in any case and with any port', async () => {
      assert.equal(await from('users.api.example.com'), 'exact')
      assert.equal(await from('USERS.Api.Example.Com'), 'exact')
      assert.equal(await from('users.api.example.com:9999'), 'exact')
      assert.equal(await from('[::1]:80'), 'v6')
    })

    await t.test('a host with a port matches that port alone, and goes first', async () => {
      assert.equal(await from('users.api.example.com:8443'), 'exact-8443')
      assert.equal(await from('a.example.net:9000'), 'wildcard-9000')
      assert.equal((await refusalOf(system, '/', { headers: { host: 'a.example.net:9001' } })).status, 404)
    })

    await t.test('a wildcard stands for one label or more, the longest wildcard first', async () => {
      assert.equal(await from('orders.api.example.com'), 'wildcard')
      assert.equal(await from('a.b.api.example.com'), 'wildcard')
      assert.equal(await from('api.example.com'), 'wider')
      assert.equal(await from('www.example.com'), 'wider')
      assert.equal((await refusalOf(system, '/', { headers: { host: 'example.com' } })).status, 404)
    })

    await t.test('a route without hosts takes every host that no other route wants', async () => {
      assert.equal(await bodyOf(system, '/any', { headers: { host: 'users.api.example.com' } }), 'any')
      assert.equal(await bodyOf(system, '/any', { headers: { host: 'elsewhere.test' } }), 'any')
    })

    await t.test('a Host that is none, or two of them, is a bad request', async () => {
      for (const host of ['a b', 'a/b', 'user@a']) {
        assert.equal((await fetchOnce(system.edges[0]!.url, { headers: { host } })).status, 400, JSON.stringify(host))
      }
      const two = await sendRaw(system.edges[0]!.url, 'GET / HTTP/1.1\r\nHost: one.test\r\nHost: two.test\r\nConnection: close\r\n\r\n')
      assert.match(two, /^HTTP\/1\.1 400 /)
    })
  },
}
