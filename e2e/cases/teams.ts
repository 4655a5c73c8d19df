// AD6: many files and teams: a folder as configuration, what one owner has, drift and who made it, overlays
import assert from 'node:assert/strict'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { ask, bodyOf, named } from '../actors/ask.ts'
import type { Case } from './case.ts'

const answering = (name: string, body: string) => ({ name, match: { path: `/${name}` }, policies: [{ 'fixed-response': { body } }] })

export const teams: Case = {
  name: 'several teams keep their parts of the configuration in files of their own',
  async run(system, t) {
    const folder = join(system.directory, 'teams')
    const write = (file: string, config: object) => writeFile(join(folder, file), JSON.stringify(config, undefined, 1))
    await mkdir(folder, { recursive: true })
    await write('gateway.json', system.complete({}))
    await write('a.json', { routes: [{ ...answering('team-a-1', 'first'), owner: 'team-a' }, { ...answering('team-a-2', 'first'), owner: 'team-a' }] })
    await write('b.json', { routes: [{ ...answering('team-b-1', 'theirs'), owner: 'team-b' }] })
    const succeed = async (...args: string[]) => {
      const run = await system.cli(args)
      assert.equal(run.code, 0, run.stdout + run.stderr)
      return run.stdout
    }
    const statusOf = async (path: string) => (await ask(system, path)).status

    await t.test('a folder is one configuration', async () => {
      await succeed('apply', '-c', folder, '--wait')
      assert.deepEqual([await bodyOf(system, '/team-a-1'), await bodyOf(system, '/team-b-1')], ['first', 'theirs'])
      assert.match(await succeed('diff', '-c', folder), /^no differences/)
    })

    const part = join(system.directory, 'team-a.json')
    await writeFile(part, JSON.stringify({ version: 1, routes: [answering('team-a-1', 'second'), answering('team-a-3', 'new')] }))
    await t.test('with an owner, what that owner has is made, changed and taken away, and nothing else; twice is no change', async () => {
      const first = await succeed('apply', '-c', part, '--owner', 'team-a', '--wait')
      assert.deepEqual([await bodyOf(system, '/team-a-1'), await bodyOf(system, '/team-a-3'), await bodyOf(system, '/team-b-1')], ['second', 'new', 'theirs'])
      assert.equal(await statusOf('/team-a-2'), 404)
      const revisionIn = (text: string) => /revision (\d+)/.exec(text)?.[1]
      assert.equal(revisionIn(await succeed('apply', '-c', part, '--owner', 'team-a', '--wait')), revisionIn(first))
    })

    await t.test('what another team has is refused', async () => {
      const foreign = join(system.directory, 'foreign.json')
      await writeFile(foreign, JSON.stringify({ version: 1, routes: [answering('team-b-1', 'taken over')] }))
      const { code, stderr } = await system.cli(['apply', '-c', foreign, '--owner', 'team-a'])
      assert.equal(code, 1)
      assert.match(stderr, /"team-a" does not have routes\/team-b-1 \("team-b" has it\)/)
      assert.equal(await bodyOf(system, '/team-b-1'), 'theirs')
    })

    await t.test('what somebody changed by hand is a difference that tells who and when', async () => {
      const changed = await system.admin('PUT', '/v1/routes/team-a-1?wait=all', { ...named('team-a-1', { path: '/team-a-1' }), owner: 'team-a' })
      assert.equal(changed.status, 200, changed.body)
      const { revision } = changed.json<{ revision: number }>()
      const { code, stdout } = await system.cli(['diff', '-c', part, '--owner', 'team-a'])
      assert.equal(code, 2)
      assert.match(stdout, new RegExp(`^~ routes/team-a-1\\n[^]*as it is since revision ${revision}, from api at 20\\S+ by admin \\(PUT routes/team-a-1\\)\\n$`))
      await succeed('apply', '-c', part, '--owner', 'team-a', '--wait')
      assert.equal(await bodyOf(system, '/team-a-1'), 'second')
    })

    await t.test('an overlay holds what differs in an environment, and its problems have their place in it', async () => {
      const production = join(system.directory, 'production.json')
      await writeFile(production, JSON.stringify({ routes: [{ name: 'team-a-3', policies: [{ 'fixed-response': { body: 'in production' } }] }] }))
      await succeed('check', '-c', folder, '--overlay', join(folder, 'b.json'))
      await succeed('apply', '-c', part, '--overlay', production, '--owner', 'team-a', '--wait')
      assert.deepEqual([await bodyOf(system, '/team-a-1'), await bodyOf(system, '/team-a-3')], ['second', 'in production'])
      await writeFile(production, '{ "routes": [ { "name": "team-a-3",\n "match": { "method": [ "GET" ] } } ] }')
      const { code, stderr } = await system.cli(['check', '-c', part, '--overlay', production])
      assert.equal(code, 1)
      assert.match(stderr, /production\.json:2:\d+: unknown setting "method"/)
    })
  },
}
