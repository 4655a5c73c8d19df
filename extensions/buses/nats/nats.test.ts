import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, test, type TestContext } from 'node:test'
import { missingServer, type NatsOptions, type NatsServer, sharedServers, startNats, waitUntil } from '@sluice/testkit'
import { nkeys } from 'nats'
import type { Bus, BusStatus } from '../bus.ts'
import { testBus } from '../bus.contract.ts'
import { bytes, text } from '../bus-network.contract.ts'
import { channelPair, testRelay } from '../relay.contract.ts'
import { attachRelay, createRelayedBus } from '../relay.ts'
import { createNatsBus } from './nats.ts'
import type { NatsBusSettings } from './schema.ts'

const skip = missingServer('nats')

async function connected(settings: NatsBusSettings): Promise<Bus> {
  const bus = createNatsBus(settings)
  await waitUntil(() => bus.status === 'connected')
  return bus
}

const shared = () => connected({ urls: [sharedServers().nats ?? ''] })

describe('with a shared NATS server', { skip }, () => {
  testBus('nats', async () => ({ join: shared }))
  testRelay('nats', shared)
})

/** A server of this test's own, and a bus with what its status became; both end with the test. */
async function ownServer(t: TestContext, options: NatsOptions = {}): Promise<NatsServer> {
  const server = await startNats({ jetStream: false, ...options })
  t.after(() => server.stop())
  return server
}

function openBus(t: TestContext, settings: NatsBusSettings) {
  const statuses: BusStatus[] = []
  const errors: string[] = []
  const bus = createNatsBus(settings, { onTransportError: (error) => void errors.push(String(error)) })
  t.after(() => bus.drain(100))
  bus.onStatus((status) => void statuses.push(status))
  return { bus, statuses, errors }
}

const answersEcho = (bus: Bus, subject: string) => bus.subscribe(subject, (message) => message.respond(message.data))
const echoes = (bus: Bus, subject: string) => bus.request(subject, bytes('hello'), { timeoutMs: 1000 }).then((reply) => text(reply) === 'hello', () => false)

describe('a NATS server that goes and comes back', { skip }, () => {
  test('killed and started again: requests fail at once meanwhile, then everything works as before', async (t) => {
    const server = await ownServer(t)
    const { bus, statuses } = openBus(t, { urls: [server.url] })
    const subject = `t.${randomUUID()}`
    answersEcho(bus, subject)
    await waitUntil(() => echoes(bus, subject))
    for (let round = 1; round <= 2; round++) {
      bus.subscribe(`${subject}.silent`, () => {})
      await bus.flush()
      const underWay = bus.request(`${subject}.silent`, bytes(''), { timeoutMs: 60_000 })
      await Promise.all([server.kill(), assert.rejects(underWay, { code: 'dependency.bus_unreachable' })])
      const began = performance.now()
      await assert.rejects(bus.request(subject, bytes(''), { timeoutMs: 5000 }), { code: 'dependency.bus_unreachable' })
      assert.ok(performance.now() - began < 500)
      await assert.rejects(bus.flush(), { code: 'dependency.bus_unreachable' })
      const dropped = bus.counts.dropped
      bus.publish(subject, bytes('lost'))
      assert.equal(bus.counts.dropped, dropped + 1)
      answersEcho(bus, `${subject}.while-away.${round}`)
      await server.restart()
      await waitUntil(() => echoes(bus, subject), { timeoutMs: 10_000 })
      await waitUntil(() => echoes(bus, `${subject}.while-away.${round}`))
    }
    assert.deepEqual(statuses, ['connected', 'disconnected', 'connected', 'disconnected', 'connected'])
    assert.equal(bus.counts.reconnects, 2)
  })

  test('killed and started again: a worker behind the relay is told, and fares as its parent does', async (t) => {
    const server = await ownServer(t)
    const { bus } = openBus(t, { urls: [server.url] })
    await waitUntil(() => bus.status === 'connected')
    const channel = channelPair()
    attachRelay(bus, channel.parent)
    const worker = createRelayedBus(channel.worker)
    t.after(() => worker.drain(100))
    const subject = `t.${randomUUID()}`
    answersEcho(worker, subject)
    await waitUntil(() => echoes(worker, subject))
    const began = performance.now()
    const underWay = worker.request(subject, bytes(''), { timeoutMs: 60_000 }).catch((error: { code: string }) => error.code)
    await server.kill()
    await waitUntil(() => worker.status === 'disconnected')
    await assert.rejects(worker.request(subject, bytes(''), { timeoutMs: 60_000 }), { code: 'dependency.bus_unreachable' })
    await underWay
    assert.ok(performance.now() - began < 5000)
    await server.restart()
    await waitUntil(() => worker.status === 'connected', { timeoutMs: 10_000 })
    await waitUntil(() => echoes(worker, subject))
    assert.equal(worker.counts.reconnects, 1)
  })

  test('not there at the start: the bus is made all the same, and works once the server is', async (t) => {
    const server = await ownServer(t)
    await server.kill()
    const { bus, statuses } = openBus(t, { urls: [server.url] })
    assert.equal(bus.status, 'disconnected')
    const subject = `t.${randomUUID()}`
    answersEcho(bus, subject)
    await assert.rejects(bus.request(subject, bytes(''), { timeoutMs: 5000 }), { code: 'dependency.bus_unreachable' })
    await server.restart()
    await waitUntil(() => echoes(bus, subject), { timeoutMs: 10_000 })
    assert.deepEqual(statuses, ['connected'])
    assert.equal(bus.counts.reconnects, 0)
  })

  test('stopped without a word, with messages on their way: noticed within 7 s, and back when it goes on', async (t) => {
    const server = await ownServer(t)
    const { bus, statuses } = openBus(t, { urls: [server.url] })
    await waitUntil(() => bus.status === 'connected')
    const subject = `t.${randomUUID()}`
    answersEcho(bus, subject)
    const heard = new Promise<void>((resolve) => void bus.subscribe(`${subject}.note`, () => resolve()))
    await bus.flush()
    await server.kill('SIGSTOP')
    const began = performance.now()
    for (let megabytes = 0; megabytes < 50; megabytes++) bus.publish(`${subject}.flood`, new Uint8Array(1_000_000))
    assert.ok(bus.counts.dropped >= 15, 'more than the send window is not kept')
    await assert.rejects(bus.request(subject, bytes(''), { timeoutMs: 60_000 }), { code: 'dependency.bus_unreachable' })
    assert.ok(performance.now() - began < 7000)
    assert.equal(bus.status, 'disconnected')
    await server.kill('SIGCONT')
    await waitUntil(() => echoes(bus, subject), { timeoutMs: 15_000 })
    bus.publish(`${subject}.note`, bytes(''))
    await heard
    assert.deepEqual(statuses, ['connected', 'disconnected', 'connected'])
  })

  test('stopped for good with messages on their way: another server is used', async (t) => {
    const [stopped, other] = [await ownServer(t), await ownServer(t)]
    await other.kill()
    const { bus } = openBus(t, { urls: [stopped.url, other.url], pingIntervalMs: 500, connectTimeoutMs: 1000 })
    const subject = `t.${randomUUID()}`
    answersEcho(bus, subject)
    await waitUntil(() => echoes(bus, subject))
    await other.restart()
    await stopped.kill('SIGSTOP')
    for (let megabytes = 0; megabytes < 50; megabytes++) bus.publish(`${subject}.flood`, new Uint8Array(1_000_000))
    await waitUntil(() => echoes(bus, subject), { timeoutMs: 10_000 })
  })

  test('hanging at the start: told, tried again, and used once it goes on', async (t) => {
    const server = await ownServer(t)
    await server.kill('SIGSTOP')
    const { bus, errors } = openBus(t, { urls: [server.url], connectTimeoutMs: 100 })
    await waitUntil(() => errors.length >= 2)
    assert.match(errors[0] ?? '', /did not greet within 100 ms/)
    await server.kill('SIGCONT')
    await waitUntil(() => bus.status === 'connected')
  })

  test('a bus that waits for its first connection can be drained', async (t) => {
    const server = await ownServer(t)
    await server.kill()
    const bus = createNatsBus({ urls: [server.url] })
    await bus.drain()
    assert.equal(bus.status, 'closed')
  })
})

describe('a NATS server that wants to know who comes', { skip }, () => {
  const logins = 'authorization { users: [ { user: sluice, password: "p@ss/word" }, { user: reader, password: r, permissions: { subscribe: ["ok.>", "_INBOX.>"], publish: ["ok.>", "_INBOX.>"] } } ] }'

  test('a password in the address is used, and a wrong one is tried again until it is right', async (t) => {
    const server = await ownServer(t, { config: logins })
    const at = (login: string) => server.url.replace('//', `//${login}@`)
    const good = openBus(t, { urls: [at('sluice:p%40ss%2Fword')] })
    await waitUntil(() => good.bus.status === 'connected')
    const bad = openBus(t, { urls: [at('sluice:wrong')], reconnectWaitMs: 10 })
    await waitUntil(() => bad.errors.length >= 3)
    assert.match(bad.errors[0] ?? '', /authorization/i)
    assert.equal(bad.bus.status, 'disconnected')
    for (const error of bad.errors) assert.ok(!error.includes('wrong'))
  })

  test('a subject that is not permitted is told, and the rest goes on', async (t) => {
    const server = await ownServer(t, { config: logins })
    const { bus, errors } = openBus(t, { urls: [server.url.replace('//', '//reader:r@')] })
    await waitUntil(() => bus.status === 'connected')
    bus.subscribe('secret.>', () => {})
    bus.publish('secret.a', bytes(''))
    await waitUntil(() => errors.length >= 2)
    answersEcho(bus, 'ok.a')
    assert.ok(await echoes(bus, 'ok.a'))
  })

  test('a token in the address is used', async (t) => {
    const server = await ownServer(t, { config: 'authorization { token: "t0ken" }' })
    const { bus } = openBus(t, { urls: [server.url.replace('//', '//t0ken@')] })
    await waitUntil(() => bus.status === 'connected')
  })

  test('a creds file is used, and read again when it was renewed', async (t) => {
    const fleet = createFleet()
    const server = await ownServer(t, { config: fleet.serverConfig })
    const credsFile = join(server.directory, 'edge.creds')
    writeFileSync(credsFile, fleet.credsFor('stranger', createFleet()))
    const { bus, errors } = openBus(t, { urls: [server.url], credsFile, reconnectWaitMs: 10 })
    await waitUntil(() => errors.length > 0)
    assert.equal(bus.status, 'disconnected')
    writeFileSync(credsFile, fleet.credsFor('edge'))
    await waitUntil(() => bus.status === 'connected')
    answersEcho(bus, 'a.b')
    assert.ok(await echoes(bus, 'a.b'))
  })

  test('TLS is demanded for tls:// addresses: a plain server is never spoken to', async (t) => {
    const server = await ownServer(t)
    const { bus, errors } = openBus(t, { urls: [server.url.replace('nats:', 'tls:')], reconnectWaitMs: 10 })
    await waitUntil(() => errors.length > 0)
    assert.match(errors[0] ?? '', /tls/)
    assert.equal(bus.status, 'disconnected')
  })
})

/** An operator and an account of the decentralised kind (JWTs signed with nkeys), as `nsc` would make them. */
function createFleet() {
  const [operator, account] = [nkeys.createOperator(), nkeys.createAccount()]
  const limits = { subs: -1, data: -1, payload: -1, imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 }
  const operatorJwt = signJwt(operator, operator.getPublicKey(), { type: 'operator' })
  const accountJwt = signJwt(operator, account.getPublicKey(), { type: 'account', limits })
  const serverConfig = `operator: ${operatorJwt}\nresolver: MEMORY\nresolver_preload: { ${account.getPublicKey()}: ${accountJwt} }`
  return { account, serverConfig, credsFor: (name: string, fleet = { account }) => credsOf(name, fleet.account) }
}

function credsOf(name: string, account: nkeys.KeyPair): string {
  const user = nkeys.createUser()
  const jwt = signJwt(account, user.getPublicKey(), { type: 'user', name, subs: -1, data: -1, payload: -1 })
  const seed = new TextDecoder().decode(user.getSeed())
  return `-----BEGIN NATS USER JWT-----\n${jwt}\n------END NATS USER JWT------\n\n-----BEGIN USER NKEY SEED-----\n${seed}\n------END USER NKEY SEED------\n`
}

function signJwt(issuer: nkeys.KeyPair, subject: string, claims: object): string {
  const encode = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const payload = { jti: randomUUID(), iat: Math.floor(Date.now() / 1000), iss: issuer.getPublicKey(), sub: subject, name: subject, nats: { version: 2, ...claims } }
  const signed = `${encode({ typ: 'JWT', alg: 'ed25519-nkey' })}.${encode(payload)}`
  return `${signed}.${Buffer.from(issuer.sign(Buffer.from(signed))).toString('base64url')}`
}

test('settings that do not fit are named, without the password that stands in an address', () => {
  assert.throws(() => createNatsBus({ urls: ['http://user:hunter2@host'] }), (error: Error) => /urls\.0: must look like nats:/.test(error.message) && !/hunter2/.test(error.message))
  assert.throws(() => createNatsBus({ urls: [] }), /urls/)
  assert.throws(() => createNatsBus({ urls: ['nats://h'], credsFile: '/nowhere/x.creds' }), /\/nowhere\/x\.creds cannot be read/)
  assert.throws(() => createNatsBus({ urls: ['nats://h'], certFile: '/nowhere/c.pem' }), /both its certificate and its key/)
})
