import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { asked, getConsumer, partsOf, put, someHash, startAuth } from './auth-harness.ts'

suite('consumers', () => {
  test('come back as they were written, in the order of their names, page by page', async (t) => {
    const { bus } = await startAuth(t)
    const acme = { name: 'acme', groups: ['gold'], labels: { plan: 'a' }, owner: 'team', credentials: [{ apiKey: { id: 'k1', hash: someHash } }, { jwtSubject: 'acme@id' }] }
    await put(bus, { name: 'zeta' }, acme, { name: 'beta' })
    assert.deepEqual(await getConsumer(bus, 'acme'), acme)
    assert.deepEqual(await getConsumer(bus, 'nobody'), undefined)
    const first = await asked.list(bus, { limit: 2 })
    assert.deepEqual([first.consumersJson.map((json) => JSON.parse(json).name), first.more], [['acme', 'beta'], true])
    const rest = await asked.list(bus, { afterName: 'beta', limit: 2 })
    assert.deepEqual([rest.consumersJson.map((json) => JSON.parse(json).name), rest.more], [['zeta'], false])
  })

  test('a page that would not fit a message ends earlier, and says that more follow', async (t) => {
    const { bus } = await startAuth(t)
    const large = (name: string) => ({ name, credentials: Array.from({ length: 90 }, (_, index) => ({ jwtSubject: `${name}-${index}-${'x'.repeat(230)}` })) })
    for (let part = 0; part < 3; part++) await put(bus, ...Array.from({ length: 20 }, (_, index) => large(`c${part}${String(index).padStart(2, '0')}`)))
    const names: string[] = []
    for (let more = true; more; ) {
      const page = await asked.list(bus, { afterName: names.at(-1) ?? '', limit: 1000 })
      assert.ok(page.consumersJson.join().length < 1_000_000)
      names.push(...page.consumersJson.map((json) => JSON.parse(json).name as string))
      more = page.more
    }
    assert.equal(new Set(names).size, 60)
  })

  test('a wrong one is refused with all that is wrong with it, and nothing of the call is written', async (t) => {
    const { bus, store } = await startAuth(t)
    const wrong = { name: 'bad name', groups: 7, credentials: [{ apiKey: { id: 'K!', hash: 'plain' } }], nonsense: true }
    await assert.rejects(put(bus, { name: 'acme' }, wrong), (error: { code: string; extra: { problems: { pointer: string }[] } }) => {
      assert.equal(error.code, 'config.invalid')
      assert.ok(error.extra.problems.some(({ pointer }) => pointer === '/name') && error.extra.problems.some(({ pointer }) => pointer === '/groups'))
      return true
    })
    for (const json of ['', '[]', 'null', '{"name":"a","name":'])
      await assert.rejects(asked.put(bus, { consumersJson: [json] }), { code: 'config.invalid' })
    await assert.rejects(put(bus, { name: 'acme' }, { name: 'acme' }), { code: 'config.invalid' })
    assert.equal(await store.version('default'), 0)
  })

  test('a hash that would cost a thread its second is refused', async (t) => {
    const { bus } = await startAuth(t)
    const hash = someHash.replace('m=19456', 'm=4194304')
    await assert.rejects(put(bus, { name: 'acme', credentials: [{ apiKey: { id: 'k1', hash } }] }), /costs more/)
  })

  test('one credential twice in a consumer is refused', async (t) => {
    const { bus } = await startAuth(t)
    await assert.rejects(put(bus, { name: 'acme', credentials: [{ jwtSubject: 's' }, { jwtSubject: 's' }] }), /stands there twice/)
  })

  test('creating only does not touch what exists, and names it', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme', groups: ['gold'] })
    const reply = await asked.put(bus, { consumersJson: ['{"name":"acme"}', '{"name":"beta"}'], createOnly: true })
    assert.deepEqual(reply.existing, ['acme'])
    assert.deepEqual(await getConsumer(bus, 'acme'), { name: 'acme', groups: ['gold'] })
    assert.equal(await getConsumer(bus, 'beta'), undefined)
  })

  test('replacing takes away credentials that are not named, unless they are to be kept', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme', credentials: [{ apiKey: { id: 'file', hash: someHash } }] })
    const { id, key } = await asked.createKey(bus, { consumer: 'acme' })
    await asked.put(bus, { consumersJson: [JSON.stringify({ name: 'acme', groups: ['gold'], credentials: [{ jwtSubject: 's' }] })], keepUnnamedCredentials: true })
    assert.equal(((await getConsumer(bus, 'acme'))!.credentials as object[]).length, 3)
    assert.equal((await asked.key(bus, partsOf(key))).credentialId, id)
    await put(bus, { name: 'acme', groups: ['gold'] })
    assert.deepEqual(await getConsumer(bus, 'acme'), { name: 'acme', groups: ['gold'] })
    assert.equal((await asked.key(bus, partsOf(key))).consumer, undefined)
  })

  test('a key id or a subject of another consumer is not taken over', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme', credentials: [{ apiKey: { id: 'k1', hash: someHash } }, { jwtSubject: 's' }] })
    await assert.rejects(put(bus, { name: 'beta', credentials: [{ apiKey: { id: 'k1', hash: someHash } }] }), { code: 'config.exists' })
    await assert.rejects(put(bus, { name: 'beta', credentials: [{ jwtSubject: 's' }] }), { code: 'config.exists' })
  })

  test('no consumer gets more than a hundred credentials', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme', credentials: Array.from({ length: 100 }, (_, index) => ({ jwtSubject: `s${index}` })) })
    await assert.rejects(asked.createKey(bus, { consumer: 'acme' }), { code: 'config.invalid' })
    await assert.rejects(asked.put(bus, { consumersJson: ['{"name":"acme","credentials":[{"jwtSubject":"more"}]}'], keepUnnamedCredentials: true }), { code: 'config.invalid' })
  })

  test('what is not there cannot be deleted', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme' })
    assert.equal((await asked.delete(bus, { name: 'nobody' })).missing, true)
    assert.equal((await asked.deleteCredential(bus, { consumer: 'acme', credentialId: 'none' })).missing, true)
    assert.equal((await asked.delete(bus, { name: 'acme' })).missing, false)
    assert.equal(await getConsumer(bus, 'acme'), undefined)
  })

  test('a subject leads to its consumer', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme', groups: ['gold'], credentials: [{ jwtSubject: 'user-7' }] })
    const found = await asked.subject(bus, { subject: 'user-7' })
    assert.deepEqual([found.consumer?.name, found.consumer?.groups], ['acme', ['gold']])
    assert.match(found.credentialId, /^sub[0-9a-f]{16}$/)
    assert.equal((await asked.subject(bus, { subject: 'user-8' })).consumer, undefined)
    await asked.deleteCredential(bus, { consumer: 'acme', credentialId: found.credentialId })
    assert.equal((await asked.subject(bus, { subject: 'user-7' })).consumer, undefined)
  })

  test('two writes at once lose nothing of each other', async (t) => {
    const { bus } = await startAuth(t)
    await put(bus, { name: 'acme' })
    const keys = await Promise.all(Array.from({ length: 5 }, () => asked.createKey(bus, { consumer: 'acme' })))
    await Promise.all([
      asked.createKey(bus, { consumer: 'acme' }),
      asked.put(bus, { consumersJson: ['{"name":"acme","groups":["gold"]}'], keepUnnamedCredentials: true }),
    ])
    const acme = await getConsumer(bus, 'acme')
    assert.equal((acme!.credentials as object[]).length, 6)
    assert.deepEqual(acme!.groups, ['gold'])
    assert.equal(new Set(keys.map(({ id }) => id)).size, 5)
  })
})
