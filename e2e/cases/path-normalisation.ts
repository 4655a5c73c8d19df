// RT8
import assert from 'node:assert/strict'
import { echo, startUpstream } from '@sluice/testkit'
import { bodyOf, echoOf, named, refusalOf } from '../actors/ask.ts'
import type { Case } from './case.ts'

const spellings: Record<string, string> = {
  '/echo//a///b': '/echo/a/b',
  '/echo/./a/../b': '/echo/b',
  '/echo/%2e/a/%2E%2e/b': '/echo/b',
  '/x/../echo/%41%7e%2d': '/echo/A~-',
  '/echo/a%2fb': '/echo/a%2Fb',
  '/echo/%252e%252e/b': '/echo/%252e%252e/b',
  '/echo/%c3%a9': '/echo/%C3%A9',
}

export const pathNormalisation: Case = {
  name: 'a path has one spelling before anything is decided',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'echo', match: { pathPrefix: '/echo' }, upstream: 'echo' },
        { name: 'admin', match: { pathPrefix: '/echo/admin' }, policies: [{ jwt: { keys: [{ secret: 'a secret that nobody in this test knows', alg: 'HS256' }] } }, { 'fixed-response': { body: 'secret' } }] },
        named('root', { path: '/' }),
      ],
    })

    await t.test('what is matched is what is sent on', async () => {
      for (const [written, sent] of Object.entries(spellings)) assert.equal((await echoOf(system, written)).url, sent, written)
      assert.equal(await bodyOf(system, '/..'), 'root')
    })

    await t.test('no spelling leads around a policy', async () => {
      for (const path of ['/echo/admin', '/echo//admin', '/echo/x/../admin', '/echo/./%61dmin/x', '/echo/%61%64%6d%69%6e', '//echo/admin/']) {
        assert.equal((await refusalOf(system, path)).status, 401, path)
      }
    })

    await t.test('a bad escape and %00 are refused', async () => {
      for (const path of ['/echo/%', '/echo/%zz', '/echo/%4', '/echo/%00', '/echo/a%00b']) {
        assert.deepEqual(reasonOf(await refusalOf(system, path)), [400, 'client.bad_path'], path)
      }
    })

    await t.test('the query stays as it is, byte for byte', async () => {
      for (const query of ['?', '?a=1&a=2', '?%7e=%2F..//&&=', '?a=b?c=d', "?q='x'", '?a=%zz']) {
        assert.equal((await echoOf(system, `/echo${query}`)).url, query === '?' ? '/echo' : `/echo${query}`, query)
      }
    })
  },
}

function reasonOf({ status, reason }: { status: number; reason: string }): [number, string] {
  return [status, reason]
}
