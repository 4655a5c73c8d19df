import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { filesBelow, findSecrets } from './secret-search.ts'

const secret = 'pa/ss+wo"rd of 31 characters!?ÿ'
const nowhere = () => false
const inText = (text: string) => findSecrets([{ where: 'log', bytes: Buffer.from(text) }], [secret], nowhere)

test('a secret is found in clear and in the spellings that programs give it, wherever it begins', () => {
  const spellings: Record<string, string> = {
    clear: secret,
    json: JSON.stringify({ key: secret }),
    url: `https://host/?key=${encodeURIComponent(secret)}&more`,
    hex: Buffer.from(secret).toString('hex'),
    hexUpper: Buffer.from(secret).toString('hex').toUpperCase(),
  }
  for (const before of ['', 'u', 'us', 'use', 'user:']) {
    for (const alphabet of ['base64', 'base64url'] as const) spellings[`${alphabet} behind ${before.length}`] = Buffer.from(`${before}${secret}\n and more`).toString(alphabet)
  }
  for (const [name, text] of Object.entries(spellings)) assert.equal(inText(`before ${text} after`).length, 1, name)
})

test('what it is told of a secret does not hold it', () => {
  const [line = ''] = inText(`a line that says token=${secret}`)
  assert.match(line, /^log holds a secret in clear, behind ".*token="$/)
  assert.ok(!line.includes(secret))
})

test('a part of a secret, another one, and its own place are no finding', () => {
  assert.deepEqual(inText(`${secret.slice(1)} ${secret.slice(0, -1)} ${secret.toUpperCase()}`), [])
  assert.deepEqual(findSecrets([{ where: 'store', bytes: Buffer.from(secret) }], [secret], (where) => where === 'store'), [])
})

test('a secret that would be found by chance cannot be looked for', () => {
  assert.throws(() => findSecrets([], ['short'], nowhere), /12 at least/)
})

test('a planted secret is found in a file of any kind, however deep it lies', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-planted-'))
  t.after(() => rmSync(directory, { recursive: true }))
  mkdirSync(join(directory, 'edge-1/usage'), { recursive: true })
  writeFileSync(join(directory, 'edge-1/usage/00001.spool'), Buffer.concat([Buffer.alloc(100_000, 0xff), Buffer.from(secret), Buffer.alloc(1000)]))
  writeFileSync(join(directory, 'edge-1/other'), 'nothing')
  const found = findSecrets(filesBelow(directory), [secret], nowhere)
  assert.equal(found.length, 1)
  assert.match(found[0]!, /^edge-1\/usage\/00001\.spool holds a secret in clear/)
})
