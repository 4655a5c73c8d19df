// SE5: tokens of the admin API with roles, and the audit log of what was changed and what was denied.
import assert from 'node:assert/strict'
import { fetchOnce, makeCertificate, waitUntil } from '@sluice/testkit'
import { adminTokenFor } from '../actors/admin-tokens.ts'
import type { Case } from './case.ts'

interface Entry {
  readonly actor: string
  readonly action: string
  readonly outcome: string
}

/** One address for each thing that an operation may be about: what the least role is that may do it. */
function operations(): readonly (readonly [method: string, path: string, least: 'viewer' | 'operator' | 'admin', body?: object])[] {
  const made = makeCertificate({ names: ['roles.example.com'] })
  const route = { match: { path: '/roles' }, policies: [{ 'fixed-response': {} }] }
  return [
    ['GET', 'status', 'viewer'], ['GET', 'config?consumers=false', 'viewer'], ['GET', 'routes', 'viewer'], ['GET', 'certificates', 'viewer'], ['GET', 'consumers', 'viewer'], ['GET', 'revisions', 'viewer'], ['GET', 'audit', 'viewer'], ['GET', 'edges', 'viewer'], ['GET', 'circuits', 'viewer'],
    ['PUT', 'routes/roles', 'operator', route], ['POST', 'routes', 'operator', { name: 'roles-too', ...route, match: { path: '/roles-too' } }], ['DELETE', 'routes/roles-too', 'operator'], ['PUT', 'upstreams/roles', 'operator', { endpoints: [{ url: 'http://127.0.0.1:9' }] }], ['PUT', 'groups/roles', 'operator', {}],
    ['PUT', 'policies/roles', 'operator', { cors: { name: 'roles', origins: ['https://roles.example'] } }], ['POST', 'revisions/1/rollback?wait=never', 'operator'], ['PUT', 'circuits/roles', 'operator', { state: 'nonsense' }], ['PUT', 'endpoints/roles/one', 'operator', {}], ['POST', 'limits/reset', 'operator', {}], ['PUT', 'config?dryRun=true', 'operator', { version: 1 }],
    ['PUT', 'certificates/roles', 'admin', { certificate: made.cert, key: 'env:NOT_SET_ANYWHERE' }], ['DELETE', 'certificates/nobody', 'admin'], ['PUT', 'consumers/roles', 'admin', {}], ['POST', 'consumers/nobody/credentials', 'admin', { apiKey: {} }], ['DELETE', 'consumers/roles', 'admin'], ['GET', 'backup', 'admin'],
    ['GET', 'revocations', 'viewer'], ['POST', 'revocations', 'admin', { jti: 'roles' }], ['DELETE', 'revocations?jti=nobody', 'admin'],
  ]
}

export const adminRoles: Case = {
  name: 'each operation of the admin API asks for a role, and what was denied is in the audit log',
  async run(system, t) {
    await system.apply({})
    const ask = (token: string, method: string, path: string, body?: object) =>
      fetchOnce(`${system.adminUrl}/v1/${path}`, { method, timeoutMs: 20_000, headers: { authorization: `Bearer ${token}`, ...(body && { 'content-type': 'application/json' }) }, ...(body && { body: JSON.stringify(body) }) })
    const tokens = { viewer: await adminTokenFor(system, 'reader', 'viewer'), operator: await adminTokenFor(system, 'ci', 'operator'), admin: await adminTokenFor(system, 'second', 'admin') }
    await waitUntil(async () => (await ask(tokens.admin, 'GET', 'status')).status === 200, { what: 'the tokens to be known' })

    const ranks = ['viewer', 'operator', 'admin'] as const
    for (const role of ranks) {
      await t.test(`a token of the role "${role}" may do what it says, and is told what else it would need`, async () => {
        for (const [method, path, least, body] of operations()) {
          const { status, body: text } = await ask(tokens[role], method, path, body)
          const isAllowed = ranks.indexOf(role) >= ranks.indexOf(least)
          assert.equal(status === 403, !isAllowed, `${role}: ${method} ${path}: ${status} ${text.slice(0, 300)}`)
          assert.ok(isAllowed ? status !== 401 : text.includes(`This needs the role \\"${least}\\"`), `${method} ${path}: ${text.slice(0, 300)}`)
        }
      })
    }

    await t.test('every operation that the API describes asks for a token', async () => {
      const { paths } = (await fetchOnce(`${system.adminUrl}/openapi.json`)).json<{ paths: Record<string, Record<string, unknown>> }>()
      for (const [path, methods] of Object.entries(paths)) {
        for (const method of Object.keys(methods)) assert.equal((await fetchOnce(system.adminUrl + path.replaceAll(/\{[^}]+\}/g, '1'), { method: method.toUpperCase() })).status, 401, `${method} ${path}`)
      }
    })

    await t.test('the audit log names who changed what, and who was denied what, once', async () => {
      await ask(tokens.viewer, 'PUT', 'routes/roles', {})
      const { items } = (await system.admin('GET', '/v1/audit?limit=200')).json<{ items: Entry[] }>()
      const told = items.map(({ actor, action, outcome }) => `${actor} ${action} ${outcome.replace(/\d+/, 'N')}`)
      assert.ok(told.includes('ci PUT /v1/routes/roles revision N'), told.join('\n'))
      assert.equal(told.filter((entry) => entry === 'reader PUT /v1/routes/roles admin.forbidden').length, 1)
      assert.equal(told.filter((entry) => entry === 'ci GET /v1/backup admin.forbidden').length, 1)
      const { items: revisions } = (await system.admin('GET', '/v1/revisions?limit=20')).json<{ items: { author: string; note: string }[] }>()
      assert.ok(revisions.some(({ author, note }) => author === 'ci' && note === 'PUT routes/roles'))
    })

    await t.test('a token that is taken away, or has expired, opens nothing any more', async () => {
      const brief = await adminTokenFor(system, 'brief', 'viewer', ['--ttl', '1s'])
      await waitUntil(async () => (await ask(brief, 'GET', 'status')).status === 401, { what: 'the token to expire' })
      const { viewer: before } = tokens
      await adminTokenFor(system, 'reader', 'viewer')
      await waitUntil(async () => (await ask(before, 'GET', 'status')).status === 401, { what: 'the token to be gone' })
    })
  },
}
