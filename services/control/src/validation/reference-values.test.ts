import assert from 'node:assert/strict'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { SecretSources } from '../secret-sources/secret-sources.ts'
import { readReferences } from './reference-values.ts'

const sourcesOf = (environment: Record<string, string>) => new SecretSources({ environment, sealing: undefined })

const url = (value: string) => ({ upstreams: { u: { endpoints: [{ url: value }] } } })

test('a file is read once however often it is named, without its last newline', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-references-'))
  context.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'a.txt'), 'value\r\n')
  const document = { upstreams: { a: { hostHeader: 'file:a.txt' }, b: { hostHeader: 'file:a.txt' } } }
  assert.deepEqual((await readReferences(document, { sources: sourcesOf({}), directories: [folder] })).values, { 'file:a.txt': 'value' })
})

test('relative paths are looked for in each folder in turn, and absolute ones where they say', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-references-'))
  context.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'a.txt'), 'value')
  const found = await readReferences(url('file:a.txt'), { sources: sourcesOf({}), directories: ['/nowhere', folder] })
  assert.deepEqual(found.values, { 'file:a.txt': 'value' })
  const absolute = `file:${join(folder, 'a.txt')}`
  assert.deepEqual((await readReferences(url(absolute), { sources: sourcesOf({}), directories: ['/nowhere'] })).values, { [absolute]: 'value' })
})

test('what never ends, what is too large and what is a folder is no secret', async (context) => {
  const folder = await mkdtemp(join(tmpdir(), 'sluice-references-'))
  context.after(() => rm(folder, { recursive: true }))
  await writeFile(join(folder, 'large.txt'), 'x'.repeat(4 * 1024 * 1024 + 1))
  for (const path of ['/dev/zero', folder, join(folder, 'large.txt')]) {
    const { problems } = await readReferences(url(`file:${path}`), { sources: sourcesOf({}), directories: ['/'] })
    assert.match(problems[0]?.message ?? '', /cannot be read/, path)
  }
})

test('a variable that is set and empty is a value; one that only objects have is none', async () => {
  assert.deepEqual((await readReferences(url('env:EMPTY'), { sources: sourcesOf({ EMPTY: '' }), directories: [] })).values, { 'env:EMPTY': '' })
  assert.equal((await readReferences(url('env:constructor'), { sources: sourcesOf({}), directories: [] })).problems.length, 1)
})
