// Credentials in two datacenters of Cassandra: a revocation holds in both when it is answered; lookups outlive the loss of one.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startCassandra, waitUntil, type CassandraServer } from '@sluice/testkit'
import { apiKey, consumerOf } from '../credential-store.contract.ts'
import { openCredentialStore, type CredentialStore } from '../index.ts'

const unreachable = { code: 'dependency.store_unreachable' }
const config = { commitlog_sync: 'batch', commitlog_sync_period: undefined }
let nodes: CassandraServer[] = []
const stores: CredentialStore[] = []

async function open(node: CassandraServer): Promise<CredentialStore> {
  const store = await openCredentialStore('cassandra', { contactPoints: node.contactPoint, localDatacenter: node.datacenter, replication: 'dc1:1,dc2:1' })
  stores.push(store)
  await waitUntil(() => store.ping().then(() => true, () => false), { timeoutMs: 120_000, what: `the store of ${node.datacenter}` })
  return store
}

before(async () => {
  const first = await startCassandra({ host: '127.0.0.1', datacenter: 'dc1', config })
  nodes = [first, await startCassandra({ host: '127.0.0.2', datacenter: 'dc2', joins: first, port: first.port, config })]
})

after(async () => {
  await Promise.all(stores.map((store) => store.close()))
  await Promise.all(nodes.map((node) => node.stop()))
})

test('a key that one datacenter has revoked is not found in the other when the call returns', async () => {
  const [here, there] = [await open(nodes[0]!), await open(nodes[1]!)]
  const keys = Array.from({ length: 10 }, (_, index) => `k${index}`)
  await here.putConsumers('default', [consumerOf('acme', ...keys.map((id) => apiKey(id)))], { createOnly: true })
  for (const id of keys) {
    assert.equal((await there.findApiKey('default', id))?.consumer.name, 'acme')
    await here.deleteCredential('default', 'acme', id)
    assert.equal(await there.findApiKey('default', id), undefined)
  }
})

test('with one datacenter killed lookups go on in the other and writes are refused in time; with it back all that was answered holds', async () => {
  const here = await open(nodes[0]!)
  await here.putConsumers('default', [consumerOf('left', apiKey('stays'), apiKey('goes'))], { createOnly: true })
  await here.deleteCredential('default', 'left', 'goes')
  await nodes[1]!.kill('SIGKILL')
  assert.equal((await here.findApiKey('default', 'stays'))?.consumer.name, 'left')
  assert.equal(await here.findApiKey('default', 'goes'), undefined)
  await assert.rejects(here.addCredential('default', 'left', apiKey('refused')), unreachable)
  await nodes[1]!.restart()
  const there = await open(nodes[1]!)
  const isWritten = () => here.addCredential('default', 'left', apiKey('again')).then((version) => version !== undefined, () => false)
  await waitUntil(isWritten, { timeoutMs: 120_000, what: 'a write' })
  for (const store of [here, there]) {
    assert.equal((await store.findApiKey('default', 'again'))?.consumer.name, 'left')
    assert.equal(await store.findApiKey('default', 'goes'), undefined)
  }
})
