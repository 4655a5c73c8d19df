import assert from 'node:assert/strict'
import { test } from 'node:test'
import { findTestFiles, normaliseFilter, serversFor } from './test-files.ts'
import { makeTree } from './test/make-tree.ts'

test('what needs a server or a process runs apart', (t) => {
  const root = makeTree(t, {
    'extensions/buses/nats/nats.test.ts': '',
    'extensions/buses/local/local.test.ts': '',
    'services/edge/src/router/router.test.ts': '',
    'services/edge/test/drain.test.ts': '',
    'packages/http/node_modules/x/x.test.ts': '',
    'e2e/cases/routing.test.ts': '',
  })
  const { together, apart } = findTestFiles(root)
  assert.deepEqual(together, ['extensions/buses/local/local.test.ts', 'services/edge/src/router/router.test.ts'])
  assert.deepEqual(apart, ['e2e/cases/routing.test.ts', 'extensions/buses/nats/nats.test.ts', 'services/edge/test/drain.test.ts'])
  assert.deepEqual(findTestFiles(root, ['extensions/buses']).apart, ['extensions/buses/nats/nats.test.ts'])
})

test('what takes long runs only when it is asked for, and then alone', (t) => {
  const root = makeTree(t, { 'extensions/buses/a.test.ts': '', 'extensions/buses/b.long.ts': '' })
  assert.deepEqual(findTestFiles(root), { together: ['extensions/buses/a.test.ts'], apart: [] })
  assert.deepEqual(findTestFiles(root, [], { long: true }), { together: [], apart: ['extensions/buses/b.long.ts'] })
})

test('filters may be typed in several ways', () => {
  assert.equal(normaliseFilter('/a/b', './cli'), 'cli')
  assert.equal(normaliseFilter('/a/b', '/a/b/cli/x.test.ts'), 'cli/x.test.ts')
})

test('PostgreSQL and Cassandra start only for files that speak of them, themselves or in what they import from beside them', (t) => {
  const root = makeTree(t, {
    'e2e/a.test.ts': `import { x } from './harness.ts'`,
    'e2e/harness.ts': `needServer(t, 'cassandra')`,
    'e2e/b.test.ts': `needServer(t, 'nats')`,
    'e2e/c.test.ts': `needServer(t, 'postgres')`,
  })
  assert.deepEqual(serversFor(root, ['e2e/a.test.ts']), ['nats', 'redis', 'cassandra'])
  assert.deepEqual(serversFor(root, ['e2e/b.test.ts']), ['nats', 'redis'])
  assert.deepEqual(serversFor(root, ['e2e/b.test.ts', 'e2e/c.test.ts']), ['nats', 'redis', 'postgres'])
  assert.deepEqual(serversFor(root, []), [])
})
