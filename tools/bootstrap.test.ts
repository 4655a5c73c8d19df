import assert from 'node:assert/strict'
import { createRequire } from 'node:module'
import { test, type TestContext } from 'node:test'
import { makeTree } from './test/make-tree.ts'

interface Bootstrap {
  findReason(root: string, withDev: boolean): string | undefined
  hasDev(root: string): boolean
}

const { findReason, hasDev } = createRequire(import.meta.url)('./bootstrap.cjs') as Bootstrap

const LOCK = {
  '': { name: 'x', devDependencies: { lint: '1.0.0' } },
  cli: { name: '@x/cli' },
  'node_modules/@x/cli': { resolved: 'cli', link: true },
  'node_modules/zod': { version: '4.0.0', integrity: 'sha512-a' },
  'node_modules/lint': { version: '1.0.0', dev: true },
  'node_modules/other-platform': { version: '1.0.0', optional: true },
}
const INSTALLED = {
  'node_modules/@x/cli': { resolved: 'cli', link: true },
  'node_modules/zod': { version: '4.0.0', integrity: 'sha512-a' },
  'node_modules/lint': { version: '1.0.0' },
}

/** A checkout with that installed; `files` replace or add to what is there. */
function checkout(t: TestContext, installed: object = INSTALLED, files: Record<string, string> = {}): string {
  return makeTree(t, {
    'package.json': '{"devDependencies":{"lint":"1.0.0"}}',
    'cli/package.json': '{"dependencies":{"zod":"4.0.0"}}',
    'package-lock.json': JSON.stringify({ packages: LOCK }),
    'node_modules/.package-lock.json': JSON.stringify({ packages: installed }),
    'node_modules/.bin/node': '',
    ...Object.fromEntries(Object.keys(installed).map((path) => [`${path}/package.json`, '{}'])),
    ...files,
  })
}

function without(path: keyof typeof INSTALLED): object {
  return Object.fromEntries(Object.entries(INSTALLED).filter(([other]) => other !== path))
}

test('an install that matches the lock is current, whatever other platforms need', (t) => {
  assert.equal(findReason(checkout(t), true), undefined)
})

test('development packages are missed only when they are wanted', (t) => {
  const root = checkout(t, without('node_modules/lint'))
  assert.equal(findReason(root, false), undefined)
  assert.match(findReason(root, true) ?? '', /lint.* is not installed/)
  assert.equal(hasDev(root), false)
  assert.equal(hasDev(checkout(t)), true)
})

test('another version, another content, a missing link and a missing lock are seen', (t) => {
  const zod = (entry: object) => findReason(checkout(t, { ...INSTALLED, 'node_modules/zod': entry }), true)
  assert.equal(zod({ version: '3.0.0' }), 'node_modules/zod is 3.0.0, not 4.0.0')
  assert.equal(zod({ version: '4.0.0', integrity: 'sha512-b' }), 'node_modules/zod has another content')
  assert.match(findReason(checkout(t, without('node_modules/@x/cli')), true) ?? '', /@x\/cli is not installed/)
  assert.equal(findReason(makeTree(t, { 'package-lock.json': JSON.stringify({ packages: LOCK }) }), true), 'nothing is installed')
})

test('a package.json that asks for what the lock does not know is seen', (t) => {
  const root = checkout(t, INSTALLED, { 'cli/package.json': '{"dependencies":{"yaml":"2.0.0"}}' })
  assert.match(findReason(root, false) ?? '', /^yaml, which cli.package\.json asks for, is not installed/)
})
