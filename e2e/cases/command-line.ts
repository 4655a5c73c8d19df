// AD2 (check, diff, apply, export; precise problems), AD4 (the command line)
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { echo, startUpstream } from '@sluice/testkit'
import { bodyOf, echoOf, refusalOf } from '../actors/ask.ts'
import { withKey } from '../actors/consumers.ts'
import type { Case } from './case.ts'
import { bearer } from './signed-tokens.ts'

/** Written by hand: the places of its problems are the point. */
const wrong = `version: 1
routes:
  - name: a
    match: { path: "/a", method: [ GET ] }
    upstream: nobody
upstreams:
  users: { endpoints: [ { url: "http://127.0.0.1:1", wieght: 1 } ] }
`

export const commandLine: Case = {
  name: 'the sluice command does from outside what the admin API does',
  async run(system, t) {
    const file = join(system.directory, 'applied.yaml')
    const write = (config: object) => writeFile(file, JSON.stringify(system.complete(config), undefined, 1))
    const answering = (body: string) => ({ routes: [{ name: 'typed', match: { path: '/typed' }, policies: [{ 'fixed-response': { body } }] }] })
    await system.apply(answering('first'))

    await t.test('check tells every problem with its place and the nearest name, diff what would change; both change nothing', async () => {
      const bad = join(system.directory, 'wrong.yaml')
      await Promise.all([writeFile(bad, wrong), write(answering('second'))])
      const [checked, good, differing] = await Promise.all([system.cli(['check', '-c', bad]), system.cli(['check', '-c', file]), system.cli(['diff', '-c', file])])
      assert.equal(checked.code, 1)
      assert.match(checked.stderr, /wrong\.yaml:4:26: unknown setting "method".*did you mean "methods"\?/)
      assert.match(checked.stderr, /wrong\.yaml:5:15: .*"nobody"/)
      assert.match(checked.stderr, /wrong\.yaml:7:\d+: unknown setting "wieght".*did you mean "weight"\?/)
      assert.equal(good.code, 0, good.stderr)
      assert.equal(differing.code, 2, differing.stderr)
      assert.match(differing.stdout, /~ routes\/typed\n.*body: "first" → "second"/)
      assert.equal(await bodyOf(system, '/typed'), 'first')
    })

    await t.test('apply --wait puts a file in force and says on how many edges; a second time there is nothing to do', async () => {
      const applied = await system.cli(['apply', '-c', file, '--wait'])
      assert.equal(applied.code, 0, applied.stderr)
      assert.match(applied.stdout, new RegExp(`^revision \\d+: ${system.edges.length}/${system.edges.length} edges effective in \\d+ ms`))
      assert.equal(await bodyOf(system, '/typed'), 'second')
      const [again, differing] = await Promise.all([system.cli(['apply', '-c', file, '--wait', '--json']), system.cli(['diff', '-c', file])])
      assert.equal(JSON.parse(again.stdout).revision, Number(/revision (\d+)/.exec(applied.stdout)?.[1]))
      assert.deepEqual([differing.code, differing.stdout.trim()], [0, 'no differences'])
    })

    await t.test('a wrong file is refused with the places in it, and what runs stays', async () => {
      const refused = await system.cli(['apply', '-c', join(system.directory, 'wrong.yaml'), '--wait'])
      assert.equal(refused.code, 1)
      for (const line of [4, 5, 7]) assert.match(refused.stderr, new RegExp(`wrong\\.yaml:${line}:\\d+: `))
      assert.equal(await bodyOf(system, '/typed'), 'second')
    })

    await t.test('what export prints can be applied and is no change', async () => {
      const exported = await system.cli(['export'])
      assert.equal(exported.code, 0, exported.stderr)
      const copy = join(system.directory, 'exported.yaml')
      await writeFile(copy, exported.stdout)
      const { code, stdout, stderr } = await system.cli(['diff', '-c', copy])
      assert.equal(code, 0, stdout + stderr)
    })

    await t.test('status, revisions and rollback tell and turn back', async () => {
      const [status, revisions] = await Promise.all([system.cli(['status']), system.cli(['revisions', '--json', '--limit', '2'])])
      for (const { name } of system.edges) assert.match(status.stdout, new RegExp(`${name} .*live`), status.stdout)
      const { items } = JSON.parse(revisions.stdout) as { items: { revision: number }[] }
      const back = await system.cli(['rollback', String(items[1]!.revision), '--wait'])
      assert.equal(back.code, 0, back.stderr)
      assert.match(back.stdout, new RegExp(`^revision ${items[0]!.revision + 1}: `))
      assert.equal(await bodyOf(system, '/typed'), 'first')
    })

    await t.test('keys are made, listed and revoked; tokens are minted', async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519')
      const keyFile = join(system.directory, 'issuer.pem')
      await writeFile(keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }))
      const upstream = await startUpstream(t, echo())
      const pem = publicKey.export({ format: 'pem', type: 'spki' })
      const route = (name: string, policy: object) => ({ name, match: { path: `/${name}` }, upstream: 'echo', policies: [policy] })
      await system.apply({
        upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
        routes: [route('typed-key', { 'key-auth': {} }), route('typed-token', { jwt: { keys: [{ pem, alg: 'EdDSA' }], issuer: 'https://me.test', scopes: ['read'] } })],
        consumers: [{ name: 'typist' }],
      })
      const [made, minted] = await Promise.all([
        system.cli(['keys', 'create', 'typist', '--ttl', '1h', '--json']),
        system.cli(['token', '--key', keyFile, '--sub', 'typist', '--ttl', '1h', '--issuer', 'https://me.test', '--scope', 'read']),
      ])
      const { id, key } = JSON.parse(made.stdout) as { id: string; key: string }
      system.secrets.add(key.slice(`sk_${id}_`.length))
      assert.equal((await echoOf(system, '/typed-key', withKey(key))).headers['x-consumer-name'], 'typist')
      assert.equal((await echoOf(system, '/typed-token', bearer(minted.stdout.trim()))).headers['x-consumer-name'], 'typist')
      const [listed, consumers] = await Promise.all([system.cli(['keys', 'list', 'typist']), system.cli(['consumers'])])
      assert.match(listed.stdout, new RegExp(`${id} +20\\d\\d-`))
      assert.match(consumers.stdout, /typist +- +- +1/)
      const revoked = await system.cli(['keys', 'revoke', 'typist', id])
      assert.equal(revoked.code, 0, revoked.stderr)
      assert.equal((await refusalOf(system, '/typed-key', withKey(key))).status, 401)
    })

    await t.test('a name that is not built yet says so', async () => {
      const top = await system.cli(['top'])
      assert.deepEqual([top.code, top.stderr.trim()], [1, 'sluice: "sluice top" is not built yet'])
    })

    await t.test('check, apply and a write of one route tell of routes that never match, or match by their name alone', async () => {
      const doubtful = join(system.directory, 'doubtful.json')
      const leads = { policies: [{ 'fixed-response': { body: 'x' } }] }
      const routes = [
        { name: 'all', match: { hosts: ['doubtful.test'], path: '/api/{rest*}' }, ...leads },
        { name: 'users', match: { hosts: ['doubtful.test'], pathPrefix: '/api/users' }, ...leads },
        { name: 'older', match: { hosts: ['doubtful.test'], pathRegex: '^/v[0-9]+/' }, ...leads },
        { name: 'second', match: { hosts: ['doubtful.test'], pathRegex: '/v2/' }, ...leads },
      ]
      await writeFile(doubtful, JSON.stringify(system.complete({ routes }), undefined, 1))
      const told = [/"users" never matches on doubtful\.test: "all" takes all of its paths by "\/api\/\{rest\*\}"/, /"older" and "second" are equally special on doubtful\.test: "\/v2\/" meets both/]
      for (const command of ['check', 'apply']) {
        const { code, stderr } = await system.cli([command, '-c', doubtful])
        assert.equal(code, 0, stderr)
        for (const sentence of told) assert.match(stderr, sentence, command)
      }
      const write = (name: string, match: object) => system.admin('PUT', `/v1/routes/${name}`, { match: { hosts: ['doubtful.test'], ...match }, ...leads })
      const [late, beside] = [await write('orders', { pathPrefix: '/api/orders' }), await write('beside', { path: '/beside' })]
      assert.match(late.body, /"warnings":\[\{[^}]*orders[^}]* never matches/)
      assert.doesNotMatch(late.body, /users|older/)
      assert.doesNotMatch(beside.body, /warnings/)
    })
  },
}
