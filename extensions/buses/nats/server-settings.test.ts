import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { connect as connectTls } from 'node:tls'
import { type BusUserName, type ServiceName, serviceNames } from '@sluice/proto/bus-permissions'
import { subjects } from '@sluice/proto/subjects'
import { freePort, makeCertificate, missingServer, startNats, waitUntil } from '@sluice/testkit'
import type { Bus } from '../bus.ts'
import { createNatsBus } from './nats.ts'
import { createBusUsers, natsServerSettings } from './server-settings.ts'

const scope = 'default'
const text = (data: Uint8Array) => Buffer.from(data).toString()

/** A real server with the settings that are made, and a bus for each service that is asked for. */
async function securedServer(t: TestContext) {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-secured-'))
  const place = (name: string, content: string) => (writeFileSync(join(directory, name), content), join(directory, name))
  const authority = makeCertificate({ subject: 'authority', isAuthority: true })
  const { cert, key } = makeCertificate({ names: ['localhost', '127.0.0.1'], issuer: authority })
  const caFile = place('ca.pem', authority.cert)
  const users = createBusUsers()
  const port = await freePort()
  const config = natsServerSettings(users, `127.0.0.1:${port}`, { certFile: place('server.pem', cert), keyFile: place('server-key.pem', key) })
  const server = await startNats({ port, config, jetStream: false })
  t.after(async () => {
    await server.stop()
    rmSync(directory, { recursive: true, force: true })
  })
  const complaints: string[] = []
  const open = (service: BusUserName | undefined): Bus => {
    const creds = service === undefined ? {} : { credsFile: place(`${service}.creds`, users.find((user) => user.name === service)!.credentials) }
    const bus = createNatsBus({ urls: [`tls://localhost:${port}`], caFile, inbox: `_INBOX.${service ?? 'nobody'}`, reconnectWaitMs: 50, ...creds }, { onTransportError: (error) => void complaints.push(String(error)) })
    t.after(() => bus.drain(500))
    return bus
  }
  const join_ = async (service: BusUserName) => {
    const bus = open(service)
    await waitUntil(() => bus.status === 'connected', { what: `${service} to be let in` })
    return bus
  }
  return { port, open, join: join_, complaints, caFile, authority }
}

const noNats = missingServer('nats')

test('an edge hears of the configuration and asks for it, but nobody hears what it says as control', { skip: noNats }, async (t) => {
  const { join, complaints } = await securedServer(t)
  const [edge, control, discovery] = await Promise.all([join('edge'), join('control'), join('discovery')])
  const heard: string[] = []
  for (const [name, bus] of [['edge', edge], ['discovery', discovery]] as const) bus.subscribe(subjects.configHint(scope), ({ data }) => void heard.push(`${name} ${text(data)}`))
  control.subscribe(subjects.configGet(scope), (message) => message.respond(Buffer.from('the head')), { queue: 'control' })
  await Promise.all([edge, control, discovery].map((bus) => bus.flush()))
  assert.equal(text(await edge.request(subjects.configGet(scope), new Uint8Array(), { timeoutMs: 5000 })), 'the head')
  edge.publish(subjects.configHint(scope), Buffer.from('forged'))
  await edge.flush()
  await waitUntil(() => complaints.length > 0, { what: 'the server to say no' })
  assert.match(complaints[0]!, /permissions violation for publish to "gw\.v1\.cfg\.hint\.default"/i)
  control.publish(subjects.configHint(scope), Buffer.from('true'))
  await waitUntil(() => heard.length === 2)
  assert.deepEqual(heard.toSorted(), ['discovery true', 'edge true'])
})

test('a service hears neither what another is asked nor what it is answered', { skip: noNats }, async (t) => {
  const { join, complaints } = await securedServer(t)
  const [edge, auth, analytics] = await Promise.all([join('edge'), join('auth'), join('analytics')])
  const overheard: string[] = []
  for (const subject of [subjects.authKey(scope), '_INBOX.edge.>', '_INBOX.>', '>']) analytics.subscribe(subject, ({ subject: on }) => void overheard.push(on))
  auth.subscribe(subjects.authKey(scope), (message) => message.respond(Buffer.from('it is valid')), { queue: 'auth' })
  await auth.flush()
  await waitUntil(() => complaints.length >= 4, { what: 'each of the subscriptions to be refused' })
  assert.ok(complaints.every((one) => /permissions violation for subscription/i.test(one)), complaints.join('\n'))
  assert.equal(text(await edge.request(subjects.authKey(scope), Buffer.from('sk_secret'), { timeoutMs: 5000 })), 'it is valid')
  assert.deepEqual(overheard, [])
})

test('what is asked is answered, for each service that is asked anything', { skip: noNats }, async (t) => {
  const { join, complaints } = await securedServer(t)
  const buses = new Map(await Promise.all(serviceNames.map(async (name) => [name, await join(name)] as const)))
  const asked: [ServiceName, ServiceName, string][] = [
    ['edge', 'control', subjects.edgeReport(scope, 'edge-1')], ['discovery', 'control', subjects.configGet(scope)], ['edge', 'auth', subjects.authSubject(scope)], ['control', 'auth', subjects.consumersPut(scope)],
    ['control', 'ratelimit', subjects.limitPeek(scope)], ['edge', 'discovery', subjects.upstreamStates(scope)], ['control', 'discovery', subjects.register(scope)], ['edge', 'analytics', subjects.usageBatch(scope)], ['control', 'analytics', subjects.usageQuery(scope)],
  ]
  for (const [from, to, subject] of asked) {
    const answering = buses.get(to)!.subscribe(subject, (message) => message.respond(Buffer.from(to)))
    await buses.get(to)!.flush()
    assert.equal(text(await buses.get(from)!.request(subject, new Uint8Array(), { timeoutMs: 5000 })), to, `${from} asks ${to}`)
    answering.unsubscribe()
  }
  assert.deepEqual(complaints, [])
})

test('a backend purges by event and is told what came of it; it may say nothing else, and hears nothing', { skip: noNats }, async (t) => {
  const { join, complaints } = await securedServer(t)
  const [backend, control, edge] = await Promise.all([join('backend'), join('control'), join('edge')])
  const asked: string[] = []
  control.subscribe(subjects.cacheEvent(scope), (message) => {
    asked.push(text(message.data))
    message.respond(Buffer.from('purged'))
  }, { queue: 'control' })
  await control.flush()
  assert.equal(text(await backend.request(subjects.cacheEvent(scope), Buffer.from('{"tags":["a"]}'), { timeoutMs: 5000 })), 'purged')
  const heard: string[] = []
  const others = ['gw.v1.>', '_INBOX.>', subjects.cachePurge(scope), subjects.configHint(scope)]
  for (const subject of others) backend.subscribe(subject, () => void heard.push(subject))
  const forged = [subjects.cacheOvertaken(scope), subjects.authChanged(scope), subjects.edgeReport(scope, 'edge-1'), subjects.cachePurges(scope)]
  for (const subject of forged) backend.publish(subject, Buffer.from('forged'))
  edge.publish(subjects.cacheEvent(scope), Buffer.from('an edge is no backend'))
  await Promise.all([backend.flush(), edge.flush()])
  const refused = () => new Set(complaints.map((one) => /permissions violation for \w+ to "([^"]+)"/i.exec(one)?.[1]))
  await waitUntil(() => refused().size >= 9, { what: 'the server to refuse all of them' })
  assert.deepEqual([...refused()].toSorted(), [...others, ...forged, subjects.cacheEvent(scope)].toSorted())
  control.publish(subjects.cachePurge(scope), Buffer.from('for edges'))
  await control.flush()
  backend.publish(subjects.cacheEvent(scope), Buffer.from('the last one'))
  await waitUntil(() => asked.length === 2)
  assert.deepEqual([asked, heard], [['{"tags":["a"]}', 'the last one'], []])
})

test('nobody is let in without a key, nor over TLS 1.2', { skip: noNats }, async (t) => {
  const { port, open, complaints, authority } = await securedServer(t)
  const stranger = open(undefined)
  await waitUntil(() => complaints.some((one) => /authorization violation/i.test(one)), { what: 'the stranger to be refused' })
  assert.equal(stranger.status, 'disconnected')
  const handshake = (maxVersion: 'TLSv1.2' | 'TLSv1.3') => new Promise<string>((resolve, reject) => {
    const plain = connect(port, '127.0.0.1').once('error', reject)
    plain.once('data', () => {
      const secure = connectTls({ socket: plain, servername: 'localhost', ca: authority.cert, maxVersion, minVersion: 'TLSv1.2' }, () => {
        resolve(secure.getProtocol() ?? '')
        secure.destroy()
      })
      secure.once('error', reject)
    })
  })
  assert.equal(await handshake('TLSv1.3'), 'TLSv1.3')
  await assert.rejects(handshake('TLSv1.2'), /protocol version/)
})
