import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { digestOf } from '@sluice/proto/config'
import { createFakeClock } from '@sluice/testkit'
import { KeySets } from './key-sets.ts'

const uri = 'https://id.example/jwks'

/** An issuer that answers when it is told to, and counts. */
function keySetsOf() {
  const clock = createFakeClock()
  const issuer = { fetches: 0, kids: ['a'], isDown: false, hold: undefined as Promise<void> | undefined }
  const told: string[] = []
  const failed: string[] = []
  const keySets = new KeySets({
    clock,
    onFetched: (record, isChanged) => told.push(`${isChanged ? 'changed' : 'unchanged'} ${record.uri}`),
    onFailed: (_uri, reason) => failed.push(reason),
    async fetchDocument() {
      issuer.fetches++
      await issuer.hold
      if (issuer.isDown) throw new Error('it is down')
      const jwks = JSON.stringify({ keys: issuer.kids.map((kid) => ({ kid })) })
      return { jwks, digest: digestOf(jwks), freshMs: 300_000 }
    },
  })
  const get = (unknownKid = '', of = uri) => keySets.get({ uri: of, insecure: false, unknownKid })
  const settled = () => new Promise((resolve) => setImmediate(resolve))
  return { clock, issuer, told, failed, keySets, get, settled }
}

suite('key sets', () => {
  test('many that ask at once share one fetch, and later ones have what it brought', async () => {
    const { issuer, get, told } = keySetsOf()
    const records = await Promise.all(Array.from({ length: 50 }, () => get()))
    assert.equal(new Set(records).size, 1)
    await get()
    assert.equal(issuer.fetches, 1)
    assert.deepEqual(told, [`changed ${uri}`])
  })

  test('a set that is no longer fresh is given at once and fetched behind', async () => {
    const { clock, issuer, get, settled } = keySetsOf()
    await get()
    issuer.kids = ['a', 'b']
    clock.advance(300_000)
    assert.doesNotMatch((await get()).jwks, /"b"/)
    await settled()
    assert.match((await get()).jwks, /"b"/)
    assert.equal(issuer.fetches, 2)
  })

  test('a set is kept fresh for as long as edges ask for it', async () => {
    const { clock, issuer, get, keySets, settled } = keySetsOf()
    await get()
    for (let minute = 0; minute < 180; minute++) {
      clock.advance(60_000)
      keySets.renewDue()
      await settled()
    }
    assert.equal(issuer.fetches, 1 + 11) // every five minutes of the hour after the last question
  })

  test('a key id that is not there is looked for once in ten seconds', async () => {
    const { clock, issuer, get } = keySetsOf()
    await get()
    clock.advance(10_000)
    for (let flood = 0; flood < 100; flood++) await get(`made-up-${flood}`)
    assert.equal(issuer.fetches, 2)
    clock.advance(10_000)
    issuer.kids = ['a', 'new']
    assert.match((await get('new')).jwks, /"new"/)
    assert.equal(issuer.fetches, 3)
  })

  test('a key id that is there costs no fetch', async () => {
    const { clock, issuer, get } = keySetsOf()
    await get()
    clock.advance(10_000)
    await get('a')
    assert.equal(issuer.fetches, 1)
  })

  test('while the issuer is down the last set stands in for a day', async () => {
    const { clock, issuer, get, settled } = keySetsOf()
    await get()
    issuer.isDown = true
    clock.advance(86_400_000 - 1)
    assert.match((await get()).jwks, /"a"/)
    await settled()
    clock.advance(1)
    await assert.rejects(get(), { code: 'dependency.key_set_unavailable' })
  })

  test('an unknown key id of an issuer that is down is unavailable, not unknown', async () => {
    const { clock, issuer, get } = keySetsOf()
    await get()
    issuer.isDown = true
    clock.advance(10_000)
    await assert.rejects(get('new'), { code: 'dependency.key_set_unavailable' })
    await assert.rejects(get('newer'), { code: 'dependency.key_set_unavailable' })
    assert.match((await get('a')).jwks, /"a"/)
    assert.equal(issuer.fetches, 2)
  })

  test('an issuer that was never reached is asked once in ten seconds', async () => {
    const { clock, issuer, get, failed } = keySetsOf()
    issuer.isDown = true
    for (let flood = 0; flood < 100; flood++) await assert.rejects(get(), { code: 'dependency.key_set_unavailable' })
    assert.equal(issuer.fetches, 1)
    assert.deepEqual(failed, ['it is down'])
    issuer.isDown = false
    clock.advance(10_000)
    assert.match((await get()).jwks, /"a"/)
  })

  test('a set that another instance fetched is taken, an older one is not', async () => {
    const { clock, issuer, get, keySets } = keySetsOf()
    const record = { uri, jwks: '{"keys":[{"kid":"theirs"}]}', digest: 'x', fetchedAtMs: clock.now() }
    keySets.adopt(record)
    assert.equal(await get(), record)
    keySets.adopt({ ...record, jwks: '{"keys":[]}', fetchedAtMs: clock.now() - 1 })
    assert.equal(await get(), record)
    assert.equal(issuer.fetches, 0)
  })

  test('an address that nobody may fetch from is a problem of the configuration', async () => {
    const { get, keySets } = keySetsOf()
    await assert.rejects(get('', 'http://id.example/jwks'), { code: 'config.invalid' })
    assert.equal(keySets.size, 0)
  })

  test('no more than a thousand addresses are held', async () => {
    const { get, keySets } = keySetsOf()
    for (let index = 0; index < 1100; index++) await get('', `https://id${index}.example/jwks`)
    assert.equal(keySets.size, 1000)
  })
})
