import assert from 'node:assert/strict'
import { test, type TestContext } from 'node:test'
import { checkFeatures } from './check-features.ts'
import { makeTree } from './test/make-tree.ts'

const HEADER = '| ID | Requirement | Implemented in | Proven by | State |\n|---|---|---|---|---|\n'

/** The problems of a features table with these rows, for the IDs RT1 and RT2. */
function check(t: TestContext, ...rows: string[]): string[] {
  const root = makeTree(t, {
    'tools/features-ids.txt': 'RT1\nRT2\n',
    'docs/features.md': `# Features\n\n${HEADER}${rows.join('\n')}\n`,
    'src/router.ts': '',
    'e2e/routing.test.ts': `test('the route\\'s "best" match wins', () => {})`,
  })
  return checkFeatures(root)
}

const RT2 = '| RT2 | by host | | | not yet |'

test('a row that works and names what exists is well', (t) => {
  const row = `| RT1 | by \`a\\|b\` | \`src/router.ts\` | \`e2e/routing.test.ts › the route's "best" match wins\` | works |`
  assert.deepEqual(check(t, row, RT2), [])
  assert.deepEqual(check(t, '| RT1 | by path | | | partial: no regex |', RT2), [])
})

test('an ID cannot vanish, be made up or stand twice', (t) => {
  assert.deepEqual(check(t, RT2, RT2, '| XX9 | new | | | not yet |'), [
    'docs/features.md: RT1 is missing',
    'docs/features.md:7: XX9 is not in tools/features-ids.txt',
    'docs/features.md:6: RT2 stands here a second time',
  ])
})

test('a row that works has to name a file and a test', (t) => {
  assert.deepEqual(check(t, '| RT1 | by path | | | works |', RT2), [
    'docs/features.md:5: RT1 works, but names no file that implements it',
    'docs/features.md:5: RT1 works, but names no test that proves it',
  ])
})

test('what a row names has to exist', (t) => {
  const row = '| RT1 | by path | src/gone.ts | e2e/routing.test.ts › another<br>e2e/gone.test.ts › x<br>e2e/routing.test.ts | partial: all |'
  assert.deepEqual(check(t, row, RT2), [
    'docs/features.md:5: RT1 names src/gone.ts, which does not exist',
    'docs/features.md:5: RT1 names the test "another", which e2e/routing.test.ts does not have',
    'docs/features.md:5: RT1 names e2e/gone.test.ts, which does not exist',
    'docs/features.md:5: RT1 names "e2e/routing.test.ts", which is not of the form: path › test name',
  ])
})

test('there are three states and no other', (t) => {
  assert.match(check(t, '| RT1 | by path | | | nearly |', RT2).join(), /has the state "nearly"/)
  assert.match(check(t, '| RT1 | by path | | | partial |', RT2).join(), /has the state "partial"/)
})
