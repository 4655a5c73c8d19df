import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkErrorsDocs } from './check-errors-docs.ts'
import { makeTree } from './test/make-tree.ts'

test('the page on errors has the codes of the catalogue and no other', async (t) => {
  const root = makeTree(t, {
    'package.json': '{"type":"module"}',
    'packages/errors/src/catalogue.ts': `export const catalogue = { 'client.a': {}, 'client.b': {} }`,
    'docs/errors.md': '| code | status |\n|---|---|\n| `client.a` | 400 |\n| `client.c` | 400 |\n',
  })
  assert.deepEqual(await checkErrorsDocs(root), ['docs/errors.md: client.b is missing', 'docs/errors.md: client.c is not in the catalogue'])
})
