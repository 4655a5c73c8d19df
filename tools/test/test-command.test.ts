// `npm test` itself, run over small folders of test files.
import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { runProcess } from '../../packages/testkit/src/child-process.ts'
import { makeTree } from './make-tree.ts'

const COMMAND = join(import.meta.dirname, '../test.ts')
const PASSING = `import { test } from 'node:test'\ntest('passes', () => {})\n`

/** Runs the command over `files`, by path; returns its exit code, all it printed, and the last line of that. */
async function runOver(t: TestContext, files: Record<string, string>, env: Record<string, string | undefined> = {}) {
  const root = makeTree(t, { 'package.json': '{"type":"module"}', 'infra/local/required.txt': 'redis\n', ...files })
  const script = `import { runAll } from ${JSON.stringify(COMMAND)}; process.exitCode = await runAll(${JSON.stringify(root)}, [])`
  const exit = await runProcess(t, process.execPath, ['--input-type=module', '-e', script], { env: { CI: undefined, ...env } })
  return { code: exit.code, output: exit.stdout + exit.stderr, lastLine: exit.stdout.trimEnd().split('\n').at(-1) }
}

test('tests that pass give exit code 0, and the last line has the numbers', async (t) => {
  const skipping = `import { test } from 'node:test'\ntest('waits', (t) => t.skip('no moon'))\ntest('later', { todo: true }, () => {})\n`
  const { code, output, lastLine } = await runOver(t, { 'packages/a/src/a.test.ts': PASSING, 'e2e/b.test.ts': PASSING, 'e2e/c.test.ts': skipping })
  assert.equal(lastLine, '2 passed, 0 failed, 2 skipped')
  assert.equal(code, 0)
  assert.match(output, /skipped: e2e\/c\.test\.ts › waits: no moon/)
})

test('a failure is printed with its name, place, difference and stack', async (t) => {
  const failing = `import { suite, test } from 'node:test'\nimport assert from 'node:assert/strict'
    suite('sums', () => { test('are right', () => assert.deepEqual({ sum: 4 }, { sum: 5 })) })\n`
  const { code, output, lastLine } = await runOver(t, { 'tools/a.test.ts': PASSING, 'cli/b.test.ts': failing })
  assert.equal(lastLine, '1 passed, 1 failed, 0 skipped')
  assert.equal(code, 1)
  assert.match(output, /✗ sums › are right\n\s+cli\/b\.test\.ts:3/)
  assert.match(output, /\+ *sum: 4[^]*- *sum: 5/)
  assert.match(output, /at .*b\.test\.ts:3/)
})

test('a file that calls process.exit fails the run, in one process and in its own', async (t) => {
  const leaving = `import { test } from 'node:test'\ntest('leaves', () => process.exit(0))\n`
  const together = await runOver(t, { 'cli/a.test.ts': PASSING, 'cli/b.test.ts': leaving })
  assert.equal(together.lastLine, '1 passed, 1 failed, 0 skipped')
  assert.match(together.output, /process\.exit\(0\) was called[^]*b\.test\.ts/)
  const apart = await runOver(t, { 'e2e/a.test.ts': PASSING, 'e2e/b.test.ts': leaving })
  assert.equal(apart.lastLine, '1 passed, 1 failed, 0 skipped')
  assert.match(apart.output, /e2e\/b\.test\.ts: reported no test/)
  assert.deepEqual([together.code, apart.code], [1, 1])
})

test('a process that ends before its summary fails the run', async (t) => {
  const dying = `import { test } from 'node:test'\ntest('dies', () => process.kill(process.pid, 'SIGKILL'))\n`
  const { code, output } = await runOver(t, { 'cli/a.test.ts': dying })
  assert.equal(code, 1)
  assert.match(output, /unit tests: the run ended .* without a summary/)
})

test('nothing passed is a failure', async (t) => {
  const { code, lastLine } = await runOver(t, {})
  assert.equal(lastLine, '0 passed, 0 failed, 0 skipped')
  assert.equal(code, 1)
})

test('a run that takes too long is ended and fails', async (t) => {
  const hanging = `import { test } from 'node:test'\ntest('hangs', () => { for (;;); })\n`
  const { code, output } = await runOver(t, { 'cli/a.test.ts': hanging }, { SLUICE_TEST_TIMEOUT_SECONDS: '1' })
  assert.equal(code, 1)
  assert.match(output, /ended because the whole run took too long/)
})

test('a file that leaves something open holds up nothing, one that hangs is killed and says so', async (t) => {
  const leaving = `import { test } from 'node:test'\ntest('leaves a timer', () => void setInterval(() => {}, 1000))\n`
  const hanging = `import { test } from 'node:test'\ntest('hangs', () => new Promise(() => setInterval(() => {}, 1000)))\n`
  const files = { 'e2e/a.test.ts': hanging, 'e2e/b.test.ts': leaving, 'e2e/c.test.ts': PASSING }
  const { output, lastLine } = await runOver(t, files, { SLUICE_TEST_FILE_TIMEOUT_SECONDS: '2' })
  assert.equal(lastLine, '2 passed, 1 failed, 0 skipped')
  assert.match(output, /✗ e2e\/a\.test\.ts .*\n.*it printed:\n.*took longer than 2 s/)
  assert.match(output, /✓ e2e\/b\.test\.ts[^]*✓ e2e\/c\.test\.ts/)
})

test('a server that cannot be started is named, and with CI set it fails the run when it is required', async (t) => {
  const broken = { SLUICE_TEST_REDIS_BIN: join(import.meta.dirname, 'no-such-redis') }
  const atHome = await runOver(t, { 'e2e/a.test.ts': PASSING }, broken)
  assert.match(atHome.output, /could not be started: redis: SLUICE_TEST_REDIS_BIN/)
  assert.equal(atHome.code, 0)
  const inCi = await runOver(t, { 'e2e/a.test.ts': PASSING }, { ...broken, CI: 'true' })
  assert.equal(inCi.lastLine, '1 passed, 1 failed, 0 skipped')
  assert.equal(inCi.code, 1)
})
