// RT3
import assert from 'node:assert/strict'
import { ask, bodyOf, named, refusalOf } from '../actors/ask.ts'
import type { Case } from './case.ts'

export const methodMatching: Case = {
  name: 'a route is found by its method',
  async run(system, t) {
    await system.apply({
      routes: [
        named('read', { path: '/things', methods: ['GET'] }),
        named('write', { path: '/things', methods: ['PUT', 'POST'] }),
        named('purge', { path: '/things', methods: ['PURGE'] }),
        named('anything', { path: '/open' }),
      ],
    })

    await t.test('each method goes to its own route, one that nobody registered too', async () => {
      assert.equal(await bodyOf(system, '/things'), 'read')
      assert.equal(await bodyOf(system, '/things', { method: 'PUT', body: 'x' }), 'write')
      assert.equal(await bodyOf(system, '/things', { method: 'POST', body: 'x' }), 'write')
      assert.equal(await bodyOf(system, '/things', { method: 'PURGE' }), 'purge')
      assert.equal(await bodyOf(system, '/open', { method: 'DELETE' }), 'anything')
    })

    await t.test('GET admits HEAD, which has no body', async () => {
      const { headers } = (await refusalOf(system, '/things', { method: 'DELETE' })).answer
      assert.match(headers.allow ?? '', /\bHEAD\b/)
      assert.equal(await bodyOf(system, '/things', { method: 'HEAD' }), '')
    })

    await t.test('another method of a path that exists is 405 with Allow, an unknown path is 404', async () => {
      const { status, reason, answer } = await refusalOf(system, '/things', { method: 'DELETE' })
      assert.deepEqual([status, reason], [405, 'client.method_not_allowed'])
      assert.equal(answer.headers.allow, 'GET, HEAD, POST, PURGE, PUT')
      const unknown = await refusalOf(system, '/nothing', { method: 'DELETE' })
      assert.deepEqual([unknown.status, unknown.reason], [404, 'client.no_route'])
      assert.equal(unknown.answer.headers.allow, undefined)
    })

    await t.test('an error is a problem when Accept asks for one', async () => {
      const { answer } = await refusalOf(system, '/nothing')
      assert.match(answer.headers['content-type'] ?? '', /^application\/json/)
      assert.equal(answer.json<{ error: { message: string } }>().error.message, 'No route matches GET /nothing')
      const problem = await ask(system, '/nothing', { headers: { accept: 'application/problem+json' } })
      assert.match(problem.headers['content-type'] ?? '', /^application\/problem\+json/)
      assert.equal(problem.json<{ status: number; reason: string }>().reason, 'client.no_route')
    })
  },
}
