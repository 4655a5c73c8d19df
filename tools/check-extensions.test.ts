import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkExtensions } from './check-extensions.ts'
import { makeTree } from './test/make-tree.ts'

const WHOLE = {
  'extensions/buses/README.md': '# Buses',
  'extensions/buses/index.ts': `load: () => import('./nats/nats.ts')`,
  'extensions/buses/nats/schema.ts': '',
  'extensions/buses/nats/nats.ts': '',
  'extensions/buses/nats/nats.test.ts': '',
  'extensions/buses/nats/README.md': '# nats\n',
}

test('an extension with its four files and its line in the list is whole', (t) => {
  assert.deepEqual(checkExtensions(makeTree(t, WHOLE)), [])
})

test('whatever an extension lacks is named', (t) => {
  const root = makeTree(t, { ...WHOLE, 'extensions/buses/local/README.md': 'no heading', 'extensions/buses/local/local.ts': '' })
  assert.deepEqual(checkExtensions(root), [
    'extensions/buses/local/schema.ts is missing',
    'extensions/buses/local/local.test.ts is missing',
    'extensions/buses/local/README.md has no heading',
    'extensions/buses/local is not listed in the index.ts of its kind',
  ])
})
