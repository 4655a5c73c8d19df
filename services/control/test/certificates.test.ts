import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { createSealing } from '@sluice/service-kit'
import { makeCertificate, waitUntil } from '@sluice/testkit'
import { makeSurroundings, startControl } from './control-under-test.ts'
import { SimulatedEdge } from './simulated-edge.ts'

const sealing = createSealing([randomBytes(32)])
const shop = makeCertificate({ names: ['shop.example.com', '*.shop.example.com'] })
const https = { version: 1, listeners: { https: { address: '127.0.0.1:0' } } }

async function start(context: TestContext) {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings, { sealing, isOnly: true })
  const edge = await new SimulatedEdge(surroundings.bus, { name: 'edge-1' }).start()
  context.after(() => edge.stop())
  return { ...surroundings, control, edge }
}

/** Long enough that it stands nowhere by chance. */
const bodyOf = (key: string) => key.split('\n')[2]!

test('a certificate is made, listed without its key, replaced and deleted, and its key lies nowhere in clear', async (context) => {
  const { control, edge, log, directory } = await start(context)
  const made = await control.call('POST', '/v1/certificates?wait=all', { name: 'shop', certificate: shop.cert, key: shop.key, owner: 'web' })
  assert.deepEqual([made.status, made.headers['location']], [201, '/v1/certificates/shop'])
  const [certificate] = edge.document['certificates'] as { name: string; key: string }[]
  assert.match(certificate!.key, /^sealed:/)
  assert.equal((edge.document['secrets'] as Record<string, string>)[certificate!.key], shop.key)

  const { items } = await control.json<{ items: Record<string, unknown>[] }>('GET', '/v1/certificates')
  const { fingerprint, validFrom, validTo, ...told } = items[0]!
  assert.deepEqual(told, { name: 'shop', certificate: shop.cert, owner: 'web', names: ['shop.example.com', '*.shop.example.com'] })
  assert.ok(fingerprint && validFrom && validTo)
  const again = await control.json<{ revision: number }>('PUT', '/v1/certificates/shop', { certificate: shop.cert, key: shop.key, owner: 'web' })
  assert.equal(again.revision, made.json<{ revision: number }>().revision, 'the same key is the same text')

  const renewed = makeCertificate({ names: ['shop.example.com'], privateKey: shop.privateKey })
  assert.equal((await control.call('PUT', '/v1/certificates/shop?wait=all', { certificate: renewed.cert })).status, 200)
  assert.equal((edge.document['certificates'] as { certificate: string }[])[0]!.certificate, renewed.cert)
  const paths = ['certificates', 'certificates/shop', 'config', 'revisions/2', 'revisions/3', 'revisions/3/diff', 'audit', 'backup']
  const answers = await Promise.all(paths.map((path) => control.call('GET', `/v1/${path}`)))
  const files = await Promise.all((await readdir(directory)).map((name) => readFile(join(directory, name), 'latin1').catch(() => '')))
  for (const text of [...answers.map((answer) => answer.body), ...log, ...files]) assert.ok(!text.includes(bodyOf(shop.key)))

  assert.equal((await control.call('DELETE', '/v1/certificates/shop')).status, 204)
  assert.equal((await control.call('GET', '/v1/certificates/shop')).status, 404)
})

test('what is no certificate, and a key of another one, is refused with its place and without its text', async (context) => {
  const { control } = await start(context)
  const refused = async (body: object) => {
    const { status, body: text } = await control.call('PUT', '/v1/certificates/shop', body)
    assert.equal(status, 400, text)
    return { text, problems: (JSON.parse(text) as { problems: { pointer: string; message: string }[] }).problems }
  }
  const other = makeCertificate({ names: ['other.example.com'] })
  const mixed = await refused({ certificate: shop.cert, key: other.key })
  assert.deepEqual(mixed.problems.map(({ pointer }) => pointer), ['/key'])
  assert.match(mixed.problems[0]!.message, /does not belong to the certificate in "certificates\/shop"/)
  assert.ok(!mixed.text.includes(bodyOf(other.key)))
  assert.deepEqual((await refused({ certificate: 'nonsense', key: shop.key })).problems.map(({ pointer }) => pointer), ['/certificate'])
  assert.match((await refused({ certificate: shop.cert })).problems[0]!.message, /"key" is missing/)
  const clear = await control.call('PUT', '/v1/config', { version: 1, certificates: [{ name: 'shop', certificate: shop.cert, key: shop.key }] })
  assert.equal(clear.status, 400)
  assert.match(clear.body, /the private key stands here in clear/)
  assert.ok(!clear.body.includes(bodyOf(shop.key)))
})

test('an encrypted listener needs a certificate, and the last one cannot be taken from it', async (context) => {
  const { control } = await start(context)
  assert.match((await control.call('PUT', '/v1/config', https)).body, /listeners.https has no certificate to show/)
  await control.json('PUT', '/v1/certificates/shop', { certificate: shop.cert, key: shop.key })
  await control.json('PUT', '/v1/config', https)
  assert.deepEqual((await control.json<{ items: { name: string }[] }>('GET', '/v1/certificates')).items.map(({ name }) => name), ['shop'], 'a configuration that names none leaves them')
  const refused = await control.call('DELETE', '/v1/certificates/shop')
  assert.deepEqual([refused.status, refused.json<{ usedBy: string[] }>().usedBy], [409, ['listeners']])
  assert.equal((await control.call('PUT', '/v1/config', { ...https, certificates: [] })).status, 400)
})

test('a certificate in files is renewed by itself, without a config file to follow, once both files are there', async (context) => {
  const { control, edge, directory } = await start(context)
  const write = (made: { cert: string; key: string }) => Promise.all([writeFile(join(directory, 'cert.pem'), made.cert), writeFile(join(directory, 'key.pem'), made.key)])
  await write(shop)
  await control.json('PUT', '/v1/certificates/shop?wait=all', { certificate: 'file:cert.pem', key: 'file:key.pem' })
  const renewed = makeCertificate({ names: ['shop.example.com'] })
  await write(renewed)
  await waitUntil(() => (edge.document['secrets'] as Record<string, string>)['file:cert.pem'] === renewed.cert.trimEnd(), { timeoutMs: 30_000, what: 'the renewed certificate' })
  assert.equal((edge.document['secrets'] as Record<string, string>)['file:key.pem'], renewed.key.trimEnd())
  const { items } = await control.json<{ items: { note: string }[] }>('GET', '/v1/revisions')
  assert.equal(items[0]!.note, 'renewed cert.pem, key.pem')
})

test('where nothing can be sealed a private key is not taken, and a reference is', async (context) => {
  const surroundings = await makeSurroundings(context)
  const control = await startControl(context, surroundings, { environment: { TLS_KEY: shop.key } })
  const refused = await control.call('PUT', '/v1/certificates/shop', { certificate: shop.cert, key: shop.key })
  assert.deepEqual([refused.status, /SLUICE_SEALING_KEY/.test(refused.body)], [400, true])
  assert.equal((await control.call('PUT', '/v1/certificates/shop', { certificate: shop.cert, key: 'env:TLS_KEY' })).status, 201)
})
