import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { createFakeClock, waitUntil } from '@sluice/testkit'
import { scriptedAuth } from '../../test/scripted-auth.ts'
import { FetchedKeySets } from './fetched-key-sets.ts'

const uri = 'https://id.example/jwks'
const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = (kid: string) => ({ ...publicKey.export({ format: 'jwk' }), kid })

async function directoryFor(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-keysets-'))
  t.after(() => rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 20 }))
  return directory
}

async function keySetsOf(t: TestContext, given: { directory?: string } = {}) {
  const auth = await scriptedAuth(t)
  auth.keySets.set(uri, [key('a')])
  const clock = createFakeClock()
  const directory = given.directory ?? join(await directoryFor(t), 'keysets')
  const warnings: string[] = []
  const logger = { warn: (_facts: object, message: string) => void warnings.push(message) }
  const keySets = new FetchedKeySets({ bus: auth.bus, scope: 'default', clock, logger, directory, timeoutMs: 500 })
  keySets.start()
  t.after(() => keySets.stop())
  const source = keySets.source({ uri, insecure: false }, ['ES256'])
  const has = (kid: string) => (source.current()?.find('ES256', kid).length ?? 0) > 0
  return { auth, clock, directory, keySets, source, has, warnings }
}

suite('key sets at the edge', () => {
  test('are asked for once, at first use, however many tokens wait for them', async (t) => {
    const { auth, source, has } = await keySetsOf(t)
    assert.equal(source.current(), undefined)
    await Promise.all(Array.from({ length: 20 }, () => source.load()))
    await source.load()
    assert.equal(auth.count('keyset'), 1)
    assert.ok(has('a'))
  })

  test('are replaced when auth broadcasts another one, and stay the same object when it is the same', async (t) => {
    const { auth, source, has } = await keySetsOf(t)
    const first = await source.load()
    auth.tellKeySet(uri)
    auth.keySets.set(uri, [key('b')])
    assert.equal(source.current(), first)
    auth.tellKeySet(uri)
    await waitUntil(() => has('b'))
    assert.ok(!has('a'))
  })

  test('an unknown key id is asked for once in ten seconds', async (t) => {
    const { auth, clock, source, has } = await keySetsOf(t)
    await source.load()
    auth.keySets.set(uri, [key('a'), key('new')])
    await source.refresh('new')
    assert.ok(has('new'))
    for (let flood = 0; flood < 100; flood++) assert.equal(source.refresh(`made-up-${flood}`), undefined)
    assert.equal(auth.count(`keyset ${uri} `), 1)
    clock.advance(10_000)
    await source.refresh('another')
    assert.equal(auth.count(`keyset ${uri} `), 2)
  })

  test('an unknown key id that nobody can be asked about is unavailable, for as long as it is not asked again', async (t) => {
    const { auth, clock, source } = await keySetsOf(t)
    await source.load()
    auth.leave()
    for (let flood = 0; flood < 3; flood++) await assert.rejects(source.refresh(`new-${flood}`)!, { code: 'dependency.key_set_unavailable' })
    auth.come()
    clock.advance(10_000)
    await source.refresh('new')
    assert.equal(source.refresh('newer'), undefined)
  })

  test('a set that cannot be had is unavailable, and asked for once a second', async (t) => {
    const { auth, clock, source } = await keySetsOf(t)
    auth.keySets.clear()
    for (let flood = 0; flood < 20; flood++) await assert.rejects(source.load(), { code: 'dependency.key_set_unavailable' })
    assert.equal(auth.count('keyset'), 1)
    clock.advance(1000)
    auth.keySets.set(uri, [key('a')])
    await source.load()
  })

  test('is renewed after five minutes without a word of it', async (t) => {
    const { auth, clock, source, has, keySets } = await keySetsOf(t)
    await source.load()
    auth.keySets.set(uri, [key('b')])
    clock.advance(299_999)
    keySets.renewOld()
    clock.advance(1)
    keySets.renewOld()
    await waitUntil(() => has('b'))
    assert.equal(auth.count('keyset'), 2)
  })

  test('a broadcast that is no key set, or is not what its digest says, changes nothing', async (t) => {
    const { auth, source, has, warnings } = await keySetsOf(t)
    await source.load()
    auth.keySets.set(uri, Array(300).fill(key('x')) as object[])
    auth.tellKeySet(uri)
    await waitUntil(() => warnings.length === 1)
    assert.ok(has('a'))
  })

  test('warming gets those that are to be had, says which are not, and waits for none longer than a question', async (t) => {
    const { auth, keySets, source, warnings } = await keySetsOf(t)
    await keySets.warm([{ uri, insecure: false }, { uri: 'https://down.example/jwks', insecure: false }])
    assert.ok(source.current() !== undefined)
    assert.deepEqual(warnings, ['the key set is not available yet'])
    auth.leave()
    await keySets.warm([{ uri, insecure: false }])
    assert.equal(warnings.length, 1)
  })
})

suite('key sets on disk', () => {
  const fileIn = async (directory: string) => waitUntil(async () => (await readdir(directory)).filter((name) => name.endsWith('.json')).map((name) => join(directory, name))[0])

  test('an edge that starts while auth is away uses the copy of the last time', async (t) => {
    const { source, directory } = await keySetsOf(t)
    await source.load()
    const file = await fileIn(directory)
    assert.equal((await stat(file)).mode & 0o777, 0o600)

    const later = await keySetsOf(t, { directory })
    later.auth.leave()
    await later.source.load()
    assert.ok(later.has('a'))
  })

  test('the copy is used at once and renewed behind', async (t) => {
    const { source, directory } = await keySetsOf(t)
    await source.load()
    await fileIn(directory)
    const later = await keySetsOf(t, { directory })
    const released = Promise.withResolvers<void>()
    later.auth.hold = released.promise
    later.auth.keySets.set(uri, [key('b')])
    await later.source.load()
    assert.ok(later.has('a'))
    released.resolve()
    await waitUntil(() => later.has('b'))
    await waitUntil(async () => (await readFile(await fileIn(directory), 'utf8')).includes('\\"b\\"'))
  })

  for (const [what, damage] of [
    ['cut short', (text: string) => text.slice(0, 40)],
    ['with other keys', (text: string) => text.replace('\\"a\\"', '\\"z\\"')],
    ['of another address', (text: string) => text.replace('id.example', 'evil.example')],
    ['empty', () => ''],
  ] as const) {
    test(`a copy that is ${what} is not used`, async (t) => {
      const { source, directory } = await keySetsOf(t)
      await source.load()
      const file = await fileIn(directory)
      await writeFile(file, damage(await readFile(file, 'utf8')))
      const later = await keySetsOf(t, { directory })
      later.auth.leave()
      await assert.rejects(later.source.load(), { code: 'dependency.key_set_unavailable' })
    })
  }

  test('a directory that cannot be written to costs a warning, no token', async (t) => {
    const directory = join(await directoryFor(t), 'file')
    await writeFile(directory, '')
    const { source, has, warnings } = await keySetsOf(t, { directory })
    await source.load()
    assert.ok(has('a'))
    await waitUntil(() => warnings.includes('a key set could not be written to disk'))
  })
})
