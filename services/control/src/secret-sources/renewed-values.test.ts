import assert from 'node:assert/strict'
import { mkdtemp, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createLogger } from '@sluice/service-kit'
import { RenewedValues } from './renewed-values.ts'
import type { SecretOutcome } from './secret-source.ts'
import { SecretSources } from './secret-sources.ts'

const committedAtMs = Date.now()

async function start(t: TestContext, values: Record<string, string> | undefined, { isOnly = true } = {}) {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-renewed-'))
  t.after(() => rm(directory, { recursive: true, force: true }))
  const log: string[] = []
  const under = { values, renewed: [] as (readonly string[])[], fails: undefined as string | undefined, now: 0, asked: [] as string[], stored: new Map<string, SecretOutcome>() }
  const files = new SecretSources({ environment: {}, sealing: undefined })
  const sources = {
    keepTokens: async () => {},
    read(reference: string, from: Parameters<SecretSources['read']>[1]) {
      if (reference.startsWith('file:')) return files.read(reference, from)
      under.asked.push(reference)
      return Promise.resolve(under.stored.get(reference)!)
    },
  }
  const watch = new RenewedValues({
    logger: createLogger('control', { level: 'info', destination: { write: (line) => void log.push(line) } }),
    sources: sources as never,
    now: () => under.now,
    storesEveryMs: 60_000,
    isOnly,
    head: async () => under.values && { values: under.values, committedAtMs },
    directories: async () => [join(directory, 'nowhere'), directory],
    renew: async (references) => {
      if (under.fails !== undefined) throw new Error(under.fails)
      for (const reference of references) if (reference.startsWith('vault:')) under.values = { ...under.values, [reference]: (under.stored.get(reference) as { value: string }).value }
      return under.renewed.push(references)
    },
  })
  const write = async (name: string, text: string, at = committedAtMs + 60_000) => {
    await writeFile(join(directory, name), text)
    await utimes(join(directory, name), at / 1000, at / 1000)
  }
  return { under, watch, log, write }
}

test('a file that holds another value than was read is renewed, one that holds the same is not', async (t) => {
  const { under, watch, write } = await start(t, { 'file:a.pem': 'A', 'file:b': 'B', 'file:gone': 'C', 'env:D': 'D' })
  await write('a.pem', 'A\n')
  await write('b', 'B')
  await watch.look()
  assert.deepEqual(under.renewed, [])
  await write('b', 'new')
  await watch.look()
  await watch.look()
  assert.deepEqual(under.renewed, [['file:b']])
  under.values = undefined
  await watch.look()
  assert.equal(under.renewed.length, 1)
})

test('a renewal that cannot be taken is told once, and tried again with what has come meanwhile', async (t) => {
  const { under, watch, log, write } = await start(t, { 'file:cert.pem': 'A', 'file:key.pem': 'B' })
  await write('cert.pem', 'new A')
  await write('key.pem', 'B')
  under.fails = 'the private key does not belong to the certificate'
  await watch.look()
  await watch.look()
  assert.equal(log.filter((line) => line.includes('renewed values cannot be taken yet')).length, 1)
  await write('key.pem', 'new B')
  await watch.look()
  under.fails = undefined
  await watch.look()
  assert.deepEqual(under.renewed, [['file:cert.pem', 'file:key.pem']])
})

test('of several controls none takes back what another has renewed: its own file has to have changed', async (t) => {
  const { under, watch, write } = await start(t, { 'file:a': 'renewed elsewhere', 'file:b': 'old' }, { isOnly: false })
  await write('a', 'old', committedAtMs - 60_000)
  await write('b', 'new')
  await watch.look()
  assert.deepEqual(under.renewed, [['file:b']])
  under.values = { 'file:a': 'renewed elsewhere', 'file:b': 'new' }
  await write('a', 'renewed here', committedAtMs - 30_000)
  await watch.look()
  await watch.look()
  assert.deepEqual(under.renewed, [['file:b'], ['file:a']])
})

test('stores of secrets are asked at their interval; what cannot be read keeps its value', async (t) => {
  const { under, watch } = await start(t, { 'vault:secret/a#a': 'old', 'vault:secret/b#a': 'old' })
  under.stored.set('vault:secret/a#a', { value: 'new' }).set('vault:secret/b#a', { fault: 'away', isAway: true })
  await watch.look()
  assert.deepEqual(under.asked, [])
  under.now = 60_000
  await watch.look()
  assert.deepEqual([under.renewed, under.asked.length], [[['vault:secret/a#a']], 2])
  under.now = 119_999
  await watch.look()
  assert.equal(under.asked.length, 2)
})

test('a file that is being written is left alone until it looks the same twice', async (t) => {
  const { under, watch, write } = await start(t, { 'file:list': 'a' })
  await write('list', 'a')
  await watch.look()
  for (const text of ['a\nb', 'a\nb\nc', 'a\nb\nc\nd']) {
    await write('list', text)
    await watch.look()
    assert.deepEqual(under.renewed, [])
  }
  await watch.look()
  assert.deepEqual(under.renewed, [['file:list']])
})

test('a list that has lost more than half is left alone, which is told once; a certificate may be of any length', async (t) => {
  const [list, certificate] = ['10.0.0.0/8\n'.repeat(200), `-----BEGIN CERTIFICATE-----${'x'.repeat(3000)}`]
  const { under, watch, log, write } = await start(t, { 'file:list': list, 'file:cert': certificate })
  await write('list', list.slice(0, list.length / 2 - 1))
  await write('cert', '-----BEGIN CERTIFICATE-----short')
  await watch.look()
  await watch.look()
  assert.deepEqual(under.renewed[0], ['file:cert'])
  assert.ok(under.renewed.every((references) => !references.includes('file:list')))
  assert.equal(log.filter((line) => line.includes('less than half')).length, 1)
  await write('list', list.slice(0, list.length / 2 + 1))
  await watch.look()
  await watch.look()
  assert.ok(under.renewed.at(-1)!.includes('file:list'))
})
