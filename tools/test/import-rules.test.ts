// Each import rule fires on a small tree that breaks it, and no other rule does.
import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test, type TestContext } from 'node:test'
import { cruise, type IConfiguration, type ICruiseResult } from 'dependency-cruiser'
import { makeTree } from './make-tree.ts'

const FOLDERS = ['proto', 'packages', 'extensions', 'services', 'cli', 'e2e']

const { forbidden, options } = createRequire(import.meta.url)('../../.dependency-cruiser.cjs') as IConfiguration

/** Names of the rules that `files` break, in a tree with one more file in each folder. */
async function rulesBroken(t: TestContext, files: Record<string, string>): Promise<string[]> {
  const base = Object.fromEntries(FOLDERS.map((folder) => [`${folder}/main.ts`, 'export {}']))
  const root = makeTree(t, { 'package.json': '{"type":"module"}', ...base, ...files })
  const cruised = await cruise(FOLDERS, { ...options, baseDir: root, validate: true, ruleSet: { forbidden: forbidden ?? [] } }, options?.enhancedResolveOptions)
  const { violations, totalCruised } = (cruised.output as ICruiseResult).summary
  assert.ok(totalCruised >= FOLDERS.length)
  return [...new Set(violations.map(({ rule }) => rule.name))].sort()
}

const imports = (...paths: string[]) => paths.map((path) => `import '${path}'`).join('\n')
const driver = { 'node_modules/ioredis/index.js': '', 'node_modules/ioredis/package.json': '{"name":"ioredis","main":"index.js"}' }
const pool = { 'node_modules/piscina/index.js': '', 'node_modules/piscina/package.json': '{"name":"piscina","main":"index.js"}' }

const CASES: Record<string, Record<string, string>> = {
  'no-cycles': { 'cli/main.ts': imports('./a.ts'), 'cli/a.ts': imports('./main.ts') },
  'no-unresolved': { 'cli/main.ts': imports('./gone.ts') },
  'no-orphans': { 'packages/http/src/alone.ts': 'export {}' },
  'no-undeclared-package': { 'extensions/counters/redis/main.ts': imports('ioredis'), ...driver },
  'proto-is-a-leaf': { 'proto/main.ts': imports('../packages/main.ts') },
  'packages-below-extensions': { 'packages/main.ts': imports('../extensions/main.ts') },
  'extensions-below-services': { 'extensions/main.ts': imports('../services/main.ts') },
  'services-below-the-command': { 'services/main.ts': imports('../cli/main.ts') },
  'extension-is-an-island': { 'extensions/buses/nats/main.ts': imports('../local/main.ts'), 'extensions/buses/local/main.ts': 'export {}' },
  'kind-stays-in-kind': { 'extensions/buses/main.ts': imports('../counters/main.ts'), 'extensions/counters/main.ts': 'export {}' },
  'service-names-no-extension': { 'services/main.ts': imports('../extensions/buses/nats/main.ts'), 'extensions/buses/nats/main.ts': 'export {}' },
  'services-talk-over-the-bus': { 'services/edge/main.ts': imports('../auth/main.ts'), 'services/auth/main.ts': 'export {}' },
  'all-in-one-uses-front-doors': { 'services/all-in-one/main.ts': imports('../auth/src/main.ts'), 'services/auth/src/main.ts': 'export {}' },
  'rooms-meet-in-the-pipeline': { 'services/edge/src/router/main.ts': imports('../cache/main.ts'), 'services/edge/src/cache/main.ts': 'export {}' },
  'client-libraries-stay-home': { 'services/main.ts': imports('ioredis'), 'package.json': '{"type":"module","dependencies":{"ioredis":"*"}}', ...driver },
  'threads-stay-in-the-verifier': { 'services/main.ts': imports('piscina'), 'package.json': '{"type":"module","dependencies":{"piscina":"*"}}', ...pool },
  'source-never-imports-tests': { 'cli/main.ts': imports('./a.test.ts'), 'cli/a.test.ts': 'export {}' },
}

for (const [name, files] of Object.entries(CASES)) {
  test(`the import rule ${name} fires`, async (t) => {
    assert.deepEqual(await rulesBroken(t, files), [name])
  })
}

test('what the layout allows breaks no rule', async (t) => {
  const allowed = {
    'services/edge/src/pipeline.ts': imports('./router/main.ts', './cache/main.ts'),
    'services/edge/src/main.ts': imports('./pipeline.ts'),
    'services/edge/src/router/main.ts': `import type { X } from '../cache/main.ts'\nexport type Y = X`,
    'services/edge/src/cache/main.ts': 'export type X = 1',
    'services/all-in-one/main.ts': imports('../edge/src/service.ts'),
    'services/edge/src/service.ts': imports('./main.ts'),
    'extensions/buses/nats/nats.ts': imports('../bus.ts'),
    'extensions/buses/nats/nats.test.ts': imports('./nats.ts', '../bus.contract.ts', '../../../packages/testkit/src/main.ts'),
    'extensions/buses/bus.contract.ts': 'export {}',
    'extensions/buses/bus.ts': 'export {}',
    'packages/testkit/src/main.ts': 'export {}',
    'services/edge/test/edge.test.ts': imports('../src/service.ts', '../../../packages/testkit/src/main.ts'),
    'e2e/a.test.ts': imports('../cli/main.ts', '../services/all-in-one/main.ts'),
  }
  assert.deepEqual(await rulesBroken(t, allowed), [])
})
