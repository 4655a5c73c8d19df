import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { checkExtensions } from './check-extensions.ts'
import { makePolicy } from './new-extension.ts'
import { makeTree } from './test/make-tree.ts'

const LIST = `import { schema as cors } from './cors/schema.ts'
import type { CatalogueEntry } from './policy.ts'

export const catalogue: readonly CatalogueEntry[] = [
  entry({ ...cors, load: () => import('./cors/cors.ts') }),
]
`

function policiesTree(t: TestContext, list = LIST): string {
  return makeTree(t, {
    'extensions/policies/README.md': '# policies',
    'extensions/policies/index.ts': list,
    ...Object.fromEntries(['schema.ts', 'cors.ts', 'cors.test.ts'].map((file) => [`extensions/policies/cors/${file}`, ''])),
    'extensions/policies/cors/README.md': '# cors',
  })
}

test('a new policy has its four files and a line in the list', (t) => {
  const root = policiesTree(t)
  assert.equal(makePolicy(root, 'add-field').length, 5)
  assert.deepEqual(checkExtensions(root), [])
  assert.equal(
    readFileSync(join(root, 'extensions/policies/index.ts'), 'utf8'),
    `import { schema as addField } from './add-field/schema.ts'
import { schema as cors } from './cors/schema.ts'
import type { CatalogueEntry } from './policy.ts'

export const catalogue: readonly CatalogueEntry[] = [
  entry({ ...cors, load: () => import('./cors/cors.ts') }),
  entry({ ...addField, load: () => import('./add-field/add-field.ts') }),
]
`,
  )
})

test('nothing is written for a bad name, a policy that exists, or a list that cannot be read', (t) => {
  const root = policiesTree(t, 'export const policies = []\n')
  assert.throws(() => makePolicy(root, 'AddField'), /no name for a policy/)
  assert.throws(() => makePolicy(root, 'cors'), /exists/)
  assert.throws(() => makePolicy(root, 'add-field'), /has no list/)
  assert.match(checkExtensions(root).join(), /^extensions\/policies\/cors is not listed/)
})
