// AU8 and SE5 in part: what opens doors stands in no log, no metric and no answer of the admin API. The last case: it looks at what all others left.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { bodyOf, refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { makeKey, mint } from '../actors/signing-keys.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

/** Everything that the admin API tells whoever may ask. */
async function adminAnswers(system: System): Promise<string> {
  const { revision } = (await system.admin('GET', '/v1/status')).json<{ head: { revision: number } }>().head
  const lists = ['status', 'config', 'routes', 'upstreams', 'policies', 'groups', 'consumers', 'revisions', 'edges', 'endpoints', 'audit?limit=1000', 'usage', 'analytics/routes', 'config?consumers=true']
  const history = [`revisions/${revision}`, `revisions/${revision}/diff`]
  const answers = await Promise.all([...lists, ...history].map((path) => system.admin('GET', `/v1/${path}`)))
  for (const { status, body } of answers) assert.equal(status, 200, body)
  return answers.map(({ body }) => body).join('\n')
}

async function accessLogs(directory: string): Promise<string> {
  const names = await readdir(directory, { recursive: true })
  const files = names.filter((name) => /access\.log/.test(name)).map((name) => readFile(join(directory, name), 'utf8'))
  return (await Promise.all(files)).join('\n')
}

export const secrets: Case = {
  name: 'no secret is told to anybody',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    const shared = makeKey('HS256')
    const { secret = '' } = shared.configured
    // Where control reads files of the configuration from: beside the config file, or its data directory.
    const folder = system.mode === 'embedded' ? system.directory : join(system.directory, 'control')
    await writeFile(join(folder, 'shared.secret'), secret)
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'secret-token', match: { path: '/secret-token' }, upstream: 'echo', policies: [{ jwt: { keys: [{ kid: shared.kid, alg: 'HS256', secret: `file:${system.mode === 'embedded' ? join(folder, 'shared.secret') : 'shared.secret'}` }] } }] },
        { name: 'secret-key', match: { path: '/secret-key' }, upstream: 'echo', policies: [{ 'key-auth': { query: 'api_key' } }] },
      ],
    })
    await makeConsumer(system, 'secret-acme')
    const apiKey = await makeKeyOf(system, 'secret-acme')
    const token = mint(shared, { sub: 'secret-acme' })
    const wrongKey = `sk_${apiKey.id}_${randomBytes(32).toString('base64url')}`
    const hidden = new Set([...system.secrets, secret, token, token.split('.')[2]!, apiKey.key, wrongKey])
    await bodyOf(system, '/secret-token', bearer(token))
    // Where all services have just come back, an edge may not have found auth again yet.
    await waitUntil(() => bodyOf(system, '/secret-key', withKey(apiKey.key)).then(() => true, () => false), { timeoutMs: 30_000, what: 'every edge to take a good key' })
    await bodyOf(system, `/secret-key?api_key=${apiKey.key}`)
    await refusalOf(system, '/secret-token', bearer(`${token}x`))
    await refusalOf(system, '/secret-key', withKey(wrongKey))
    await fetchOnce(`${system.adminUrl}/v1/status`, { headers: { authorization: `Bearer ${wrongKey}` } })

    const isHidden = (where: string, text: string) => {
      assert.ok(text.length > 100, `${where} was read`)
      for (const one of hidden) assert.ok(!text.includes(one), `a secret stands in ${where}: ${text.slice(Math.max(0, text.indexOf(one) - 200), text.indexOf(one))}…`)
    }

    await t.test('not in what the processes print', () => isHidden('a log', system.logs()))
    await t.test('not in the access logs', async () => isHidden('an access log', await accessLogs(system.directory)))
    await t.test('not in metrics', async () => {
      for (const { metricsUrl } of [...system.edges, ...system.services.values()]) isHidden('metrics', (await fetchOnce(`${metricsUrl}/metrics`)).body)
    })
    await t.test('not in what the admin API answers: references are shown, never their values', async () => {
      const answers = await adminAnswers(system)
      isHidden('an answer of the admin API', answers)
      assert.match(answers, /"secret":"file:[^"]*shared\.secret"/)
    })
    await t.test('not in an error that a client is sent', async () => {
      isHidden('an error', (await refusalOf(system, '/secret-key', withKey(wrongKey))).answer.body.padEnd(200))
    })
  },
}
