import assert from 'node:assert/strict'
import { join } from 'node:path'
import { test } from 'node:test'
import { findFloatingPromises } from './check-promises.ts'
import { makeTree } from './test/make-tree.ts'

test('a promise left behind is found, one with an owner is not', (t) => {
  const root = makeTree(t, {
    'tsconfig.json': '{"compilerOptions":{"strict":true,"target":"esnext","lib":["esnext"],"types":[]},"include":["*.ts"]}',
    'a.ts': [
      'declare function send(): Promise<void>',
      'declare function maybe(): Promise<void> | undefined',
      'export async function run() {',
      '  send()',
      '  maybe()',
      '  send().finally(() => {})',
      '  await send()',
      '  void send()',
      '  send().catch(() => {})',
      '  send().then(() => {}, () => {}).finally(() => {})',
      '}',
    ].join('\n'),
    'a.test.ts': 'declare function maybe(): Promise<void> | undefined\ndeclare function send(): Promise<void>\nexport function run() {\n  maybe()\n  send()\n}',
  })
  assert.deepEqual(findFloatingPromises(root, join(root, 'tsconfig.json')), ['a.test.ts:5: send()', 'a.ts:4: send()', 'a.ts:5: maybe()', 'a.ts:6: send().finally(() => {})'])
})
