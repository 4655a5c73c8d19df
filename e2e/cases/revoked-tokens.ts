// AU1, AU2: tokens that are revoked, by jti or those of a subject from before an instant; DI3: also by an edge that starts while auth is away
import assert from 'node:assert/strict'
import { answer, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { bodyOf, refusalOf } from '../actors/ask.ts'
import { makeKey, mint, secondsFromNow, type Claims } from '../actors/signing-keys.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

const issuer = 'https://revoking.test'
/** What a revocation may take until the last edge refuses the token. Far more than it does: machines have other things to do. */
const withinMs = 5000
/** Connections are spread over the workers of an edge. */
const rounds = 6

async function revoke(system: System, body: object): Promise<Record<string, unknown>> {
  const { status, body: told } = await system.admin('POST', '/v1/revocations?wait=all', { issuer, ...body })
  assert.equal(status, 201, told)
  return JSON.parse(told) as Record<string, unknown>
}

async function lift(system: System, query: string): Promise<void> {
  const { status, body } = await system.admin('DELETE', `/v1/revocations?issuer=${encodeURIComponent(issuer)}&${query}&wait=all`)
  assert.equal(status, 200, body)
}

async function isRefused(system: System, path: string, token: string): Promise<void> {
  for (let round = 0; round < rounds; round++) {
    const { status, reason, answer: refusal } = await refusalOf(system, path, bearer(token))
    assert.deepEqual([status, reason, refusal.headers['www-authenticate']], [401, 'policy.unauthenticated', 'Bearer realm="sluice", error="invalid_token"'])
  }
}

async function isLetIn(system: System, path: string, token: string): Promise<void> {
  for (let round = 0; round < rounds; round++) assert.equal(await bodyOf(system, path, bearer(token)), 'let in')
}

/** For each edge the ms until it refused the token, from when it was asked for. */
function untilRefused(system: System, path: string, token: string): Promise<number[]> {
  const from = performance.now()
  return Promise.all(
    system.edges.map(async ({ url }) => {
      await waitUntil(async () => (await fetchOnce(url + path, bearer(token))).status === 401, { everyMs: 1, timeoutMs: withinMs, what: `${url} to refuse the token` })
      return performance.now() - from
    }),
  )
}

export const revokedTokens: Case = {
  name: 'a token that is revoked is refused on every edge',
  async run(system, t) {
    const key = makeKey('ES256')
    const claims = { active: true, sub: 'machine', jti: 'opaque', iat: secondsFromNow(-60) }
    const introspection = await startUpstream(t, answer(200, JSON.stringify(claims), { 'content-type': 'application/json' }))
    const introspectionUrl = `${introspection.url}/introspect`
    const route = (name: string, policy: object) => ({ name, match: { path: `/${name}` }, policies: [policy, { 'fixed-response': { body: 'let in' } }] })
    await system.apply({
      routes: [
        route('revoking', { jwt: { keys: [key.configured], issuer } }),
        route('revoking-opaque', { 'oauth2-introspection': { introspectionUrl, clientId: 'gateway', clientSecret: 'revoking-case-secret' } }),
      ],
    })
    const token = (more: Claims) => mint(key, { iss: issuer, sub: 'alice', iat: secondsFromNow(-60), ...more })

    await t.test('by its jti, while it is in use, and not another one; lifted, it is good again', async (inner) => {
      const [one, other] = [token({ jti: 'one' }), token({ jti: 'other' })]
      for (const good of [one, other]) await isLetIn(system, '/revoking', good)
      const [told, times] = await Promise.all([revoke(system, { jti: 'one', expiresAt: new Date(Date.now() + 3_600_000).toISOString() }), untilRefused(system, '/revoking', one)])
      assert.deepEqual([told['issuer'], told['jti']], [issuer, 'one'])
      inner.diagnostic(`refused on the last edge after ${Math.round(Math.max(...times))} ms, acknowledged by all after ${String(told['propagationMs'])} ms`)
      await isRefused(system, '/revoking', one)
      await isLetIn(system, '/revoking', other)
      await lift(system, 'jti=one')
      await isLetIn(system, '/revoking', one)
    })

    await t.test('all of a subject that were issued before now, and none that is issued then', async () => {
      const olds = [token({ jti: 'old' }), token({}), token({ iat: undefined })]
      const others = token({ sub: 'bob' })
      for (const good of [...olds, others]) await isLetIn(system, '/revoking', good)
      const { issuedBefore } = await revoke(system, { subject: 'alice' })
      for (const old of olds) await isRefused(system, '/revoking', old)
      // `iat` counts whole seconds.
      await waitUntil(() => secondsFromNow(0) * 1000 >= Date.parse(String(issuedBefore)), { what: 'the next second' })
      for (const good of [token({ iat: secondsFromNow(0) }), others]) await isLetIn(system, '/revoking', good)
      await lift(system, 'subject=alice')
      for (const old of olds) await isLetIn(system, '/revoking', old)
    })

    await t.test('an opaque one whose issuer still calls it active, too', async () => {
      await isLetIn(system, '/revoking-opaque', 'an-opaque-token')
      const { status, body } = await system.admin('POST', '/v1/revocations?wait=all', { issuer: introspectionUrl, jti: 'opaque' })
      assert.equal(status, 201, body)
      await isRefused(system, '/revoking-opaque', 'an-opaque-token')
      assert.equal((await system.admin('DELETE', `/v1/revocations?issuer=${encodeURIComponent(introspectionUrl)}&jti=opaque&wait=all`)).status, 200)
      await isLetIn(system, '/revoking-opaque', 'an-opaque-token')
    })

    await t.test('by the command, which lists what is revoked and lifts it', async () => {
      const mine = token({ jti: 'by-command' })
      await isLetIn(system, '/revoking', mine)
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await system.cli(['revoke', ...args])
        assert.equal(code, 0, stderr)
        return stdout
      }
      assert.match(await run('token', 'by-command', '--issuer', issuer, '--ttl', '1h'), /^the token by-command is refused on every edge until /)
      await isRefused(system, '/revoking', mine)
      assert.match(await run('list'), /by-command/)
      await run('lift', '--token', 'by-command', '--issuer', issuer)
      await isLetIn(system, '/revoking', mine)
      assert.doesNotMatch(await run('list'), /by-command/)
    })

    await t.test('nothing that is revoked comes back when auth and an edge start anew, even while auth is away', async () => {
      const lasting = token({ jti: 'lasting' })
      await isLetIn(system, '/revoking', lasting)
      await revoke(system, { jti: 'lasting' })
      await isRefused(system, '/revoking', lasting)
      const auth = system.services.get('auth')
      const edge = system.edges[0]!
      await auth?.kill('SIGKILL')
      await edge.process.restart()
      await isRefused(system, '/revoking', lasting)
      await auth?.start()
      await isRefused(system, '/revoking', lasting)
      await lift(system, 'jti=lasting&timeoutMs=20000')
      await isLetIn(system, '/revoking', lasting)
    })

    await t.test('who revoked and who lifted stands in the audit log', async () => {
      const { items } = (await system.admin('GET', '/v1/audit?limit=50')).json<{ items: { actor: string; action: string }[] }>()
      for (const action of ['POST /v1/revocations', 'DELETE /v1/revocations']) assert.ok(items.some((item) => item.action === action && item.actor === 'admin'), action)
    })
  },
}
