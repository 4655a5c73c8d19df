import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { dataDirectoryFor } from './data-directory.ts'
import { lockDataDirectory } from './data-lock.ts'

function scratch(t: TestContext): string {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-lock-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

test('a second gateway on the same data directory is told who has it', (t) => {
  const directory = join(scratch(t), 'data')
  const lock = lockDataDirectory(directory)
  t.after(() => lock.release())
  assert.throws(() => lockDataDirectory(directory), (error: Error) => error.message.includes(directory) && error.message.includes(`process ${process.pid}`) && error.message.includes('--data-dir'))
})

test('a data directory is free again once its gateway has ended', (t) => {
  const directory = scratch(t)
  lockDataDirectory(directory).release()
  lockDataDirectory(directory).release()
})

test('the data directory is made for its owner only', (t) => {
  const directory = join(scratch(t), 'new')
  lockDataDirectory(directory).release()
  assert.equal(statSync(directory).mode & 0o777, 0o700)
})

test('a data directory that cannot be made is one line with the reason', (t) => {
  const file = join(scratch(t), 'file')
  writeFileSync(file, '')
  assert.throws(() => lockDataDirectory(join(file, 'data')), /^Error: the data directory .*file\/data cannot be used: ENOTDIR/)
})

test('the data directory lies beside the config file, or in the folder that is the config', (t) => {
  const folder = scratch(t)
  writeFileSync(join(folder, 'gateway.yaml'), 'version: 1\n')
  assert.equal(dataDirectoryFor(join(folder, 'gateway.yaml')), join(folder, '.sluice'))
  assert.equal(dataDirectoryFor(folder), join(folder, '.sluice'))
  assert.equal(dataDirectoryFor(join(folder, 'missing.yaml')), join(folder, '.sluice'))
})
