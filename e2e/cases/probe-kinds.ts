// HC1: checks by TCP, by gRPC and over TLS, as the upstream is spoken to
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { answer, makeCertificate, startUpstream, waitUntil, type Cleanup } from '@sluice/testkit'
import { bodyOf } from '../actors/ask.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const patience = { timeoutMs: 20_000 }

interface Shown {
  readonly url: string
  readonly health: string
  readonly reason: string
}

const shown = async (system: System, upstream: string) => (await system.admin('GET', `/v1/endpoints?upstream=${upstream}`)).json<{ items: Shown[] }>().items
const shownAt = async (system: System, upstream: string, url: string) => (await shown(system, upstream)).find((item) => item.url === url)

/** Until discovery has found it so; then who serves is seen at the edges. */
async function found(system: System, upstream: string, url: string, health: 'healthy' | 'unhealthy'): Promise<string> {
  await waitUntil(async () => (await shownAt(system, upstream, url))?.health === health, { ...patience, what: `${url} of ${upstream} to be ${health}` })
  return (await shownAt(system, upstream, url))!.reason
}

async function serve(system: System, upstream: string, names: readonly string[]): Promise<void> {
  const answers = async () => new Set(await Promise.all(Array.from({ length: 8 }, () => bodyOf(system, `/by-${upstream}`).catch(() => 'nobody'))))
  await waitUntil(async () => (await answers()).symmetricDifference(new Set(names)).size === 0, { ...patience, what: `${names.join(' and ')} to serve ${upstream}` })
}

/** Speaks HTTP/2 without TLS: its name to whoever asks, its health to those who ask by gRPC. */
async function startGrpcService(t: Cleanup, name: string): Promise<{ url: string; says(serving: boolean): void }> {
  const sessions = new Set<ServerHttp2Session>()
  let serving = true
  const server = createServer()
  server.on('session', (session) => void sessions.add(session.on('close', () => sessions.delete(session)).on('error', () => {})))
  server.on('stream', (stream: ServerHttp2Stream, fields: IncomingHttpHeaders) => {
    stream.on('error', () => {})
    if (fields[':path'] !== '/grpc.health.v1.Health/Check') {
      stream.respond({ ':status': 200 })
      return void stream.end(name)
    }
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true })
    stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(Buffer.from([0, 0, 0, 0, 2, 8, serving ? 1 : 2]))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.after(() => {
    server.close()
    for (const session of sessions) session.destroy()
  })
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, says: (now) => void (serving = now) }
}

export const probeKinds: Case = {
  name: 'endpoints are checked by TCP, by gRPC and over TLS, as their upstream says',
  async run(system, t) {
    const plain = await Promise.all(['a', 'b'].map((name) => startUpstream(t, answer(200, name))))
    const [grpcA, grpcB] = await Promise.all([startGrpcService(t, 'a'), startGrpcService(t, 'b')])
    const authority = makeCertificate({ subject: 'authority', isAuthority: true })
    const caFile = join(system.directory, 'probe-kinds-ca.pem')
    writeFileSync(caFile, authority.cert)
    const known = await startUpstream(t, { script: answer(200, 'a'), tls: makeCertificate({ names: ['127.0.0.1'], issuer: authority }) })
    const stranger = await startUpstream(t, { script: answer(200, 'b'), tls: makeCertificate({ names: ['127.0.0.1'] }) })
    const active = (kind: string) => ({ active: { kind, path: '/', intervalSeconds: 0.2, timeoutMs: 1000 } })
    const upstreams = {
      tcp: { endpoints: plain.map(({ url }) => ({ url })), health: active('tcp') },
      grpc: { endpoints: [grpcA, grpcB].map(({ url }) => ({ url })), protocol: 'http2', health: active('grpc') },
      tls: { endpoints: [known, stranger].map(({ url }) => ({ url })), tls: { caFile }, health: active('http') },
    }
    await system.apply({ upstreams, routes: Object.keys(upstreams).map((name) => ({ name: `by-${name}`, match: { path: `/by-${name}` }, upstream: name })) })

    await t.test('tcp: whoever takes no connection is out until it does', async () => {
      const [, gone] = plain
      await serve(system, 'tcp', ['a', 'b'])
      await gone!.kill()
      assert.match(await found(system, 'tcp', gone!.url, 'unhealthy'), /ECONNREFUSED/)
      await serve(system, 'tcp', ['a'])
      assert.equal(gone!.requests.every(({ url }) => url === '/by-tcp'), true, 'nothing but connections is used to check it')
      await gone!.start()
      await found(system, 'tcp', gone!.url, 'healthy')
      await serve(system, 'tcp', ['a', 'b'])
    })

    await t.test('grpc: who says that it does not serve is out, though it answers', async () => {
      await serve(system, 'grpc', ['a', 'b'])
      grpcB.says(false)
      assert.match(await found(system, 'grpc', grpcB.url, 'unhealthy'), /does not serve \(not serving\)/)
      await serve(system, 'grpc', ['a'])
      grpcB.says(true)
      await found(system, 'grpc', grpcB.url, 'healthy')
      await serve(system, 'grpc', ['a', 'b'])
    })

    await t.test('over TLS: an endpoint that nobody known vouches for is out, one that answers badly, too', async () => {
      assert.match(await found(system, 'tls', stranger.url, 'unhealthy'), /SELF_SIGNED|UNABLE_TO/)
      await serve(system, 'tls', ['a'])
      assert.equal((await shownAt(system, 'tls', known.url))!.health, 'healthy')
      assert.ok(known.requests.some(({ url }) => url === '/'), 'it was probed over TLS')
      assert.equal(stranger.requests.length, 0, 'it was never sent a request')
    })
  },
}
