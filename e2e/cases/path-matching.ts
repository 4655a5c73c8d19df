// RT1 (path by exact, prefix, parameters, tail, regex; parameters in rewrites, fields and the log)
import assert from 'node:assert/strict'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import type { Case } from './case.ts'

export const pathMatching: Case = {
  name: 'routes by path',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    const to = (name: string, match: object, rest: object = {}) => ({ name, match, upstream: 'echo', policies: [{ 'request-transform': { headers: { set: { 'x-route': name } } } }], ...rest })
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [to('exact', { path: '/api/users' }), to('parameter', { path: '/api/users/{user_id}' })],
    })
    for (const edge of system.edges) {
      const { status, body } = await fetchOnce(`${edge.url}/api/users`)
      assert.equal(status, 200, body)
      assert.equal(JSON.parse(body).headers['x-route'], 'exact')
      const answer = await fetchOnce(`${edge.url}/api/users/42`)
      assert.equal(answer.json<{ headers: Record<string, string> }>().headers['x-route'], 'parameter')
      await waitUntil(async () => (await edge.accessLog()).some((line) => line.requestId === answer.headers['x-request-id']))
    }
  },
}
