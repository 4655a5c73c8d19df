// AD2: live reload of the file in the embedded mode
import assert from 'node:assert/strict'
import { writeFile } from 'node:fs/promises'
import { waitUntil } from '@sluice/testkit'
import { ask, bodyOf, named } from '../actors/ask.ts'
import type { Case } from './case.ts'

interface FileStatus {
  readonly state: string
  readonly problems: readonly string[]
}

export const configFile: Case = {
  name: 'a saved config file is live',
  modes: ['embedded'],
  async run(system, t) {
    const { configFile: path } = system
    assert.ok(path !== undefined)
    const save = (config: object) => writeFile(path, JSON.stringify(system.complete(config), undefined, 2))
    const answering = (body: string) => ({ routes: [{ name: 'saved', match: { path: '/saved' }, policies: [{ 'fixed-response': { body } }] }] })
    const status = async () => (await system.admin('GET', '/v1/status')).json<{ file: FileStatus; head: { revision: number; origin: string } }>()
    const isServed = (body: string) => waitUntil(async () => (await ask(system, '/saved')).body === body, { what: `"${body}" to be served` })

    await t.test('an edit is a revision of its own and served without a restart', async () => {
      const before = await system.edges[0]!.workerPids()
      await save(answering('one'))
      await isServed('one')
      await save(answering('two'))
      await isServed('two')
      const { head, file } = await status()
      assert.deepEqual([head.origin, file.state, file.problems], ['file', 'applied', []])
      assert.deepEqual((await system.edges[0]!.workerPids()).sort(), before.sort())
    })

    await t.test('a wrong edit is logged with its place and shown by the admin API, and what runs stays', async () => {
      const { revision } = (await status()).head
      await writeFile(path, '{ "version": 1,\n  "routs": [] }\n')
      const { problems } = await waitUntil(async () => {
        const { file } = await status()
        return file.state === 'invalid' ? file : undefined
      }, { what: 'the file to be found wrong' })
      assert.match(problems.join('\n'), /gateway\.yaml:2:3: unknown setting "routs".*did you mean "routes"\?/)
      await waitUntil(() => /gateway\.yaml:2:3: unknown setting/.test(system.edges[0]!.process.newestOutput()), { what: 'the log to name the place' })
      assert.equal((await status()).head.revision, revision)
      assert.equal(await bodyOf(system, '/saved'), 'two')
    })

    await t.test('the next good edit is taken, and a change by the admin API stays until then', async () => {
      assert.equal((await system.admin('PUT', '/v1/routes/by-api?wait=all', named('by-api', { path: '/by-api' }))).status, 201)
      assert.equal(await bodyOf(system, '/by-api'), 'by-api')
      await save(answering('three'))
      await isServed('three')
      await waitUntil(async () => (await status()).file.state === 'applied', { what: 'the file to be in force' })
      assert.equal((await ask(system, '/by-api')).status, 404, 'the file replaces all routes')
    })
  },
}
