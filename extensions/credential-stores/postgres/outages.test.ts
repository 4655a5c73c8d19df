// What becomes of a write when its connection ends at COMMIT, and of lookups when PostgreSQL is killed.
import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { freePort, missingServer, startPostgres, type PostgresServer } from '@sluice/testkit'
import type { CredentialStore } from '../credential-store.ts'
import { apiKey, consumerOf } from '../credential-store.contract.ts'
import { createPostgresCredentialStore } from './postgres.ts'

const unreachable = { code: 'dependency.store_unreachable' }

type Cut = 'before' | 'after' | 'none'

/** Passes bytes on to `target`; `onCommit` says whether the connection ends before a COMMIT is passed on, or after, without its answer. */
async function startRelay(target: number, onCommit: () => Cut): Promise<{ port: number; server: Server; sockets: Set<Socket> }> {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    const end = () => [client, upstream].forEach((socket) => socket.destroy())
    for (const socket of [client, upstream]) sockets.add(socket.on('error', end).on('close', end))
    let isAnswerLost = false
    upstream.on('data', (data) => (isAnswerLost ? end() : client.write(data)))
    client.on('data', (data) => {
      const cut = data.includes('COMMIT\0') ? onCommit() : 'none'
      if (cut === 'before') return end()
      isAnswerLost ||= cut === 'after'
      upstream.write(data)
    })
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return { port, server, sockets }
}

describe('the postgres credential store in an outage', { skip: missingServer('postgres') }, () => {
  let server: PostgresServer
  let direct: CredentialStore
  const open = (port: number) => createPostgresCredentialStore({ url: `postgres://sluice@127.0.0.1:${port}/postgres` })

  before(async () => {
    server = await startPostgres()
    direct = await open(server.port)
  })
  after(async () => {
    await direct.close()
    await server.stop()
  })

  /** What a write answers whose first COMMIT meets `cut`, then what `direct` sees. */
  async function writeThrough(cut: Cut, scope: string, write: (store: CredentialStore) => Promise<unknown>): Promise<PromiseSettledResult<unknown>> {
    let isArmed = false
    const relay = await startRelay(server.port, () => (isArmed ? ((isArmed = false), cut) : 'none'))
    const store = await open(relay.port)
    await store.version(scope)
    isArmed = true
    const [result] = await Promise.allSettled([write(store)])
    await store.close()
    for (const socket of relay.sockets) socket.destroy()
    relay.server.close()
    return result
  }

  test('a write whose answer got lost is answered with its version, and done once', async () => {
    const scope = randomUUID()
    const result = await writeThrough('after', scope, (store) => store.putConsumers(scope, [consumerOf('a', apiKey('k1')), consumerOf('b')], { createOnly: true }))
    assert.deepEqual(result, { status: 'fulfilled', value: { outcome: 'written', version: 2 } })
    assert.deepEqual((await direct.changes(scope, 0))?.map((change) => change.consumer), ['a', 'b'])
  })

  test('a revocation whose answer got lost holds, and says so', async () => {
    const scope = randomUUID()
    await direct.putConsumers(scope, [consumerOf('a', apiKey('k1'))], { createOnly: true })
    assert.deepEqual(await writeThrough('after', scope, (store) => store.deleteCredential(scope, 'a', 'k1')), { status: 'fulfilled', value: 2 })
    assert.equal(await direct.findApiKey(scope, 'k1'), undefined)
  })

  test('a write that was never committed is a failure, and leaves nothing', async () => {
    const scope = randomUUID()
    const result = await writeThrough('before', scope, (store) => store.putConsumers(scope, [consumerOf('a', apiKey('k1'))], { createOnly: true }))
    assert.equal(result.status === 'rejected' && result.reason.code, unreachable.code)
    assert.equal(await direct.findApiKey(scope, 'k1'), undefined)
    assert.equal(await direct.version(scope), 0)
  })

  test('lookups fail closed while PostgreSQL is killed; what was revoked stays so when it is back', async () => {
    const scope = randomUUID()
    await direct.putConsumers(scope, [consumerOf('a', apiKey('k1'), apiKey('k2'))], { createOnly: true })
    await direct.deleteCredential(scope, 'a', 'k1')
    await server.kill('SIGKILL')
    await Promise.all([direct.findApiKey(scope, 'k1'), direct.findSubject(scope, 's'), direct.changes(scope, 0), direct.deleteConsumer(scope, 'a')].map((call) => assert.rejects(call, unreachable)))
    await server.restart()
    assert.equal(await direct.findApiKey(scope, 'k1'), undefined)
    assert.equal((await direct.findApiKey(scope, 'k2'))?.consumer.name, 'a')
    assert.equal(await direct.addCredential(scope, 'a', apiKey('k3')), 3)
  })
})
