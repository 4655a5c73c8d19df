import assert from 'node:assert/strict'
import { cpSync, mkdirSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { runProcess, startProcess } from '@sluice/testkit'
import { scratch } from './run-command.ts'

const root = join(import.meta.dirname, '../..')
const installed = join(root, 'node_modules/.bin/sluice')
const launcher = join(root, 'cli/bin/sluice')
const { version } = JSON.parse(await readFile(join(root, 'cli/package.json'), 'utf8')) as { version: string }

test('sluice runs from node_modules/.bin, from its own folder and through any symlink', async (t) => {
  const directory = scratch(t)
  mkdirSync(join(directory, 'bin'))
  symlinkSync(installed, join(directory, 'first'))
  symlinkSync('../first', join(directory, 'bin/second'))
  for (const command of [installed, launcher, join(directory, 'first'), join(directory, 'bin/second')]) {
    const { code, stdout, stderr } = await runProcess(t, command, ['--version'], { cwd: directory })
    assert.deepEqual({ code, stdout, stderr }, { code: 0, stdout: `${version}\n`, stderr: '' })
  }
})

test('sluice runs under the Node of the install, whatever Node the system has', async (t) => {
  const { code } = await runProcess(t, '/bin/sh', ['-c', `PATH=/usr/bin:/bin; export PATH; exec "${installed}" --version`])
  assert.equal(code, 0)
})

test('what sluice runs can collect its garbage when it is told to, and keeps room for young objects', async (t) => {
  const checkout = makeCheckout(scratch(t), 'console.log(typeof globalThis.gc, ...process.execArgv)')
  const { stdout } = await runProcess(t, join(checkout, 'cli/bin/sluice'), [])
  assert.equal(stdout, 'function --expose-gc --min-semi-space-size=16 --no-memory-reducer\n')
})

test('the exit code of a command is that of the launcher', async (t) => {
  assert.equal((await runProcess(t, installed, ['doctor'])).code, 1)
})

test('a signal to the started process drains what it runs, and the exit code is its own', async (t) => {
  const env = { SLUICE_METRICS_ADDRESS: '127.0.0.1:0', SLUICE_DATA_DIR: scratch(t), SLUICE_WORKERS: '1', SLUICE_NATS_URL: 'nats://127.0.0.1:1' }
  const child = startProcess(t, installed, ['service', 'edge'], { env })
  await child.waitForLine(/"msg":"started"/)
  child.signal('SIGTERM')
  assert.deepEqual(await child.exited, { code: 0, signal: null })
})

test('an install that is missing is one clear line', async (t) => {
  const directory = scratch(t)
  mkdirSync(join(directory, 'cli/bin'), { recursive: true })
  cpSync(launcher, join(directory, 'cli/bin/sluice'))
  const { code, stdout, stderr } = await runProcess(t, join(directory, 'cli/bin/sluice'), ['--version'])
  assert.deepEqual({ code, stdout }, { code: 1, stdout: '' })
  assert.match(stderr, /^sluice: there is no node_modules\/\.bin\/node above .*; run `npm install`.*\n$/)
})

for (const place of ['the checkout', 'the user\'s cache folder when the checkout has no room'] as const) {
  test(`compiled sources are kept in ${place}, where only their owner can write`, async (t) => {
    const [checkout, home] = [makeCheckout(scratch(t), 'console.log(process.env.NODE_COMPILE_CACHE)'), scratch(t)]
    const hasNoRoom = place !== 'the checkout'
    if (hasNoRoom) writeFileSync(join(checkout, '.cache'), 'a file, so that no folder can be made there even by root')
    const { stdout } = await runProcess(t, join(checkout, 'cli/bin/sluice'), [], { env: { HOME: home, XDG_CACHE_HOME: undefined, NODE_COMPILE_CACHE: undefined } })
    const expected = hasNoRoom ? join(home, '.cache/sluice/node') : join(realpathSync(checkout), `.cache/node-${process.getuid?.()}`)
    assert.equal(stdout, `${expected}\n`)
    assert.equal(statSync(expected).mode & 0o077, 0)
  })
}

/** A checkout with that as its `main.ts`. */
function makeCheckout(directory: string, main: string): string {
  for (const folder of ['cli/bin', 'cli/src', 'node_modules/.bin']) mkdirSync(join(directory, folder), { recursive: true })
  cpSync(launcher, join(directory, 'cli/bin/sluice'))
  symlinkSync(process.execPath, join(directory, 'node_modules/.bin/node'))
  writeFileSync(join(directory, 'cli/src/main.ts'), `${main}\n`)
  return directory
}
