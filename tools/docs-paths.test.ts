import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkDocsPaths } from './docs-paths.ts'
import { makeTree } from './test/make-tree.ts'
import { REPOSITORY } from './test-files.ts'

test('every path that the docs name is there', () => {
  assert.deepEqual(checkDocsPaths(REPOSITORY), [])
})

test('a path that is not there is told with its page and line', (t) => {
  const root = makeTree(t, {
    'services/edge/src/main.ts': '',
    'docs/walk.md': 'First `services/edge/src/main.ts`, then\n`services/edge/src/gone.ts`, and `services/edge/` last.\n[here](../services/edge/src/main.ts) [there](../services/lost.ts) [page](decisions/one.md#part)\n',
    'docs/decisions/one.md': 'See [the walk](../walk.md) and `packages/none/`.\n',
  })
  assert.deepEqual(checkDocsPaths(root), [
    'docs/decisions/one.md:1: there is no packages/none/',
    'docs/walk.md:2: there is no services/edge/src/gone.ts',
    'docs/walk.md:3: there is no services/lost.ts',
  ])
})

test('a source named by the end of its path has to end so', (t) => {
  const root = makeTree(t, { 'services/edge/src/router/router.ts': '', 'docs/a.md': '`router.ts` `router/router.ts` `outer.ts` `parser/router.ts` `package.json`\n' })
  assert.deepEqual(checkDocsPaths(root), ['docs/a.md:1: there is no outer.ts', 'docs/a.md:1: there is no parser/router.ts'])
})

test('what stands for several, addresses and other text in backticks are no paths', (t) => {
  const root = makeTree(t, {
    'extensions/policies/index.ts': '',
    'docs/a.md': '`extensions/policies/<name>/schema.ts` `extensions/*/index.ts` `application/json` `services` `docs are here/now` [web](https://example.com/x) [below](#below)\n',
  })
  assert.deepEqual(checkDocsPaths(root), [])
})

test('every decision stands in the list of decisions', () => {
  const folder = join(REPOSITORY, 'docs/decisions')
  const list = readFileSync(join(folder, 'README.md'), 'utf8')
  assert.deepEqual(readdirSync(folder).filter((page) => page !== 'README.md' && !list.includes(`](${page})`)), [])
})
