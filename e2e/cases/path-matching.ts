// RT1
import assert from 'node:assert/strict'
import { echo, startUpstream, waitUntil } from '@sluice/testkit'
import { ask, bodyOf, echoOf, named, refusalOf } from '../actors/ask.ts'
import type { Case } from './case.ts'

export const pathMatching: Case = {
  name: 'a route is found by its path',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [
        named('exact', { path: '/api/users' }),
        named('parameter', { path: '/api/users/{user_id}' }),
        named('prefix', { pathPrefix: '/shop' }),
        named('tail', { path: '/files/{rest*}' }),
        named('regex', { pathRegex: '^/x/[0-9]+$' }),
        named('regex-anywhere', { pathRegex: 'report-[a-z]+' }),
        {
          name: 'posts',
          match: { path: '/api/users/{user_id}/posts/{post_id}' },
          upstream: 'echo',
          rewrite: { path: '/p/{post_id}/u/{user_id}' },
          policies: [{ 'request-transform': { headers: { set: { 'x-user': 'no {user_id}' } } } }],
        },
        { name: 'moved', match: { path: '/old/{rest*}' }, upstream: 'echo', rewrite: { path: '/new/{rest}' } },
        { name: 'stripped', match: { pathPrefix: '/v2' }, upstream: 'echo', rewrite: { stripPrefix: '/v2' } },
      ],
    })

    await t.test('an exact path matches itself; a trailing slash makes another path', async () => {
      assert.equal(await bodyOf(system, '/api/users'), 'exact')
      assert.equal((await refusalOf(system, '/api/users/')).reason, 'client.no_route')
      assert.equal((await refusalOf(system, '/API/users')).reason, 'client.no_route')
    })

    await t.test('a parameter is one segment that is not empty', async () => {
      assert.equal(await bodyOf(system, '/api/users/42'), 'parameter')
      assert.equal(await bodyOf(system, '/api/users/a%2Fb'), 'parameter')
      assert.equal((await refusalOf(system, '/api/users/42/more')).status, 404)
    })

    await t.test('a prefix ends at a segment boundary', async () => {
      for (const path of ['/shop', '/shop/', '/shop/a/b']) assert.equal(await bodyOf(system, path), 'prefix', path)
      assert.equal((await refusalOf(system, '/shopping')).status, 404)
    })

    await t.test('a tail takes the rest of the path, even an empty one', async () => {
      for (const path of ['/files/', '/files/a', '/files/a/b/c']) assert.equal(await bodyOf(system, path), 'tail', path)
      assert.equal((await refusalOf(system, '/file')).status, 404)
    })

    await t.test('a pattern matches anywhere unless it is anchored', async () => {
      assert.equal(await bodyOf(system, '/x/123'), 'regex')
      assert.equal((await refusalOf(system, '/x/123a')).status, 404)
      assert.equal(await bodyOf(system, '/any/report-may/1'), 'regex-anywhere')
    })

    await t.test('parameters are usable in the path sent on, in fields and in the log', async () => {
      const sent = await echoOf(system, '/api/users/7/posts/9?x=1')
      assert.equal(sent.url, '/p/9/u/7?x=1')
      assert.equal(sent.headers['x-user'], 'no 7')
      const answer = await ask(system, '/api/users/8/posts/1')
      const edge = system.edges.at(-1)!
      const line = await waitUntil(async () => (await edge.accessLog()).find((one) => one.requestId === answer.headers['x-request-id']), { what: 'the line in the access log' })
      assert.equal(line.template, '/api/users/{user_id}/posts/{post_id}')
      assert.equal(line.path, '/api/users/8/posts/1')
    })

    await t.test('a tail and a prefix can be rewritten', async () => {
      assert.equal((await echoOf(system, '/old/a/b?q')).url, '/new/a/b?q')
      assert.equal((await echoOf(system, '/v2/users')).url, '/users')
      assert.equal((await echoOf(system, '/v2')).url, '/')
    })
  },
}
