// SE6: rules that stand in the configuration are kept by each write and by `sluice check`, waived for a while, or only told.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bodyOf } from '../actors/ask.ts'
import type { Case } from './case.ts'

interface Refusal {
  readonly reason: string
  readonly problems: readonly { pointer: string; message: string; elsewhere?: true }[]
}

const answering = (name: string, more: object = {}) => ({ name, match: { path: `/${name}` }, policies: [{ 'fixed-response': { body: name } }], ...more })
const publicly = { labels: { exposure: 'public' } }
const rule = { name: 'public-is-known', require: 'authentication', where: publicly }
const keyAuth = { 'key-auth': {} }
const known = answering('known', { ...publicly, policies: [keyAuth, { 'fixed-response': { body: 'known' } }] })

export const guardrails: Case = {
  name: 'guardrails in the configuration are kept by every change, waived with a reason until an instant',
  async run(system, t) {
    const put = (config: object) => system.admin('PUT', '/v1/config?wait=all', { ...system.complete({}), ...config })
    const refused = async (answer: Awaited<ReturnType<typeof put>>): Promise<Refusal['problems']> => {
      const { reason, problems } = answer.json<Refusal>()
      assert.deepEqual([answer.status, reason], [400, 'config.guardrail'], answer.body)
      return problems
    }
    assert.equal((await put({ guardrails: [rule], routes: [answering('inner'), known] })).status, 200)
    assert.equal(await bodyOf(system, '/inner'), 'inner')

    await t.test('a whole configuration that breaks one is refused with the place, and what runs stays', async () => {
      const [problem, ...more] = await refused(await put({ guardrails: [rule], routes: [answering('inner'), known, answering('bare', publicly)] }))
      assert.deepEqual([problem!.pointer, more.length], ['/routes/2', 0])
      assert.match(problem!.message, /routes\/bare breaks the guardrail "public-is-known": nothing says who is calling/)
      assert.equal((await system.admin('GET', '/v1/routes/bare')).status, 404)
    })

    await t.test('a single write that breaks one is refused, and one beside it is not', async () => {
      const [problem] = await refused(await system.admin('PUT', '/v1/routes/bare', { match: { path: '/bare' }, policies: [{ 'fixed-response': {} }], ...publicly }))
      assert.equal(problem!.pointer, '')
      assert.equal((await system.admin('PUT', '/v1/routes/inner?wait=all', { match: { path: '/inner' }, policies: [{ 'fixed-response': { body: 'changed' } }] })).status, 200)
      assert.equal(await bodyOf(system, '/inner'), 'changed')
    })

    await t.test('nobody takes away the policy that a rule rests on', async () => {
      assert.equal((await put({ guardrails: [rule], policies: [keyAuth], routes: [answering('shop', publicly)] })).status, 200)
      const [problem] = await refused(await system.admin('DELETE', '/v1/policies/key-auth'))
      assert.match(problem!.message, /routes\/shop breaks/)
    })

    await t.test('a waiver with a reason lets one resource pass until it ends', async () => {
      const waived = (expires: string) => put({ guardrails: [{ ...rule, waivers: [{ resource: 'routes/bare', reason: 'moves to the shop', expires }] }], routes: [answering('bare', publicly)] })
      assert.equal((await waived(new Date(Date.now() + 90 * 86_400_000).toISOString())).status, 200)
      assert.equal(await bodyOf(system, '/bare'), 'bare')
      assert.match((await refused(await waived('2026-01-01T00:00:00Z')))[0]!.message, /its waiver ended at 2026-01-01/)
      assert.equal((await put({ guardrails: [{ ...rule, waivers: [{ resource: 'routes/bare', expires: '2027-01-01T00:00:00Z' }] }] })).status, 400, 'a waiver says why')
    })

    await t.test('a rule of severity "warning" is told and stops nothing', async () => {
      const answer = await put({ guardrails: [{ name: 'owned', require: 'owner', of: ['routes'], severity: 'warning' }], routes: [answering('bare')] })
      assert.equal(answer.status, 200, answer.body)
      assert.deepEqual(answer.json<{ warnings: object[] }>().warnings, [{ pointer: '/routes/0', message: 'routes/bare breaks the guardrail "owned": it says no owner' }])
    })

    await t.test('`sluice check` tells it with the line, without a gateway', async () => {
      const file = join(system.directory, 'guarded.yaml')
      writeFileSync(file, 'version: 1\nguardrails:\n  - { name: owned, require: owner, of: [routes] }\nroutes:\n  - name: bare\n    match: { path: /bare }\n    policies: [ { fixed-response: {} } ]\n')
      const { code, stderr } = await system.cli(['check', '-c', file])
      assert.deepEqual([code, /guarded\.yaml:5:5: routes\/bare breaks the guardrail "owned": it says no owner; expected the rule kept, or a waiver in it/.test(stderr)], [1, true], stderr)
    })
  },
}
