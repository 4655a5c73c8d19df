import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { Server, ServerCredentials, status, type sendUnaryData, type ServerUnaryCall } from '@grpc/grpc-js'
import { answer, echo, fetchOnce, freePort, neverAnswer, startUpstream, suiteCleanup, waitUntil, type FetchedResponse, type FetchOptions, type ScriptedUpstream } from '@sluice/testkit'
import { type EdgeUnderTest, startEdge } from './edge-harness.ts'
import { ScriptedAuth } from './scripted-auth.ts'

/** A server of Envoy's external authorisation, on the reference implementation of gRPC. */
class CheckServer {
  readonly port: number
  readonly asked: Buffer[] = []
  reply: Uint8Array | Error = new Uint8Array(0)
  private server: Server | undefined

  constructor(port: number) {
    this.port = port
  }

  async come(): Promise<void> {
    const server = new Server()
    const asIs = { requestSerialize: (value: Buffer) => value, requestDeserialize: (value: Buffer) => value, responseSerialize: (value: Buffer) => value, responseDeserialize: (value: Buffer) => value }
    server.addService({ check: { path: '/envoy.service.auth.v3.Authorization/Check', requestStream: false, responseStream: false, ...asIs } }, {
      check: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
        this.asked.push(call.request)
        if (this.reply instanceof Error) done({ code: status.UNAVAILABLE, details: this.reply.message })
        else done(null, Buffer.from(this.reply))
      },
    })
    await new Promise<void>((resolve, reject) => server.bindAsync(`127.0.0.1:${this.port}`, ServerCredentials.createInsecure(), (error) => (error === null ? resolve() : reject(error))))
    this.server = server
  }

  leave(): void {
    this.server?.forceShutdown()
    this.server = undefined
  }
}

/** A message of fields that are texts, numbers or messages themselves. */
type Field = readonly [number: number, value: string | number | readonly Field[]]

function encode(fields: readonly Field[]): Uint8Array {
  const writer = new BinaryWriter()
  for (const [number, value] of fields) {
    if (typeof value === 'number') writer.tag(number, WireType.Varint).int32(value)
    else writer.tag(number, WireType.LengthDelimited).bytes(typeof value === 'string' ? Buffer.from(value) : encode(value))
  }
  return writer.finish()
}

/** The texts at a path of field numbers. */
function textsAt(bytes: Uint8Array, [field, ...rest]: readonly number[]): string[] {
  const reader = new BinaryReader(bytes)
  const found: string[] = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    if (number !== field) reader.skip(type, number)
    else if (rest.length === 0) found.push(reader.string())
    else found.push(...textsAt(reader.bytes(), rest))
  }
  return found
}

const header = (name: string, value: string): readonly Field[] => [[1, [[1, name], [2, value]]]]

describe('another server decides, seen from outside', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let under: EdgeUnderTest
  let upstream: ScriptedUpstream
  let server: ScriptedUpstream
  let grpc: CheckServer

  before(async () => {
    upstream = await startUpstream(whole, echo())
    server = await startUpstream(whole, answer(200, ''))
    grpc = new CheckServer(await freePort())
    await grpc.come()
    whole.after(() => grpc.leave())
    under = await startEdge(whole, undefined, { workers: 1 })
    const auth = new ScriptedAuth(under.bus)
    auth.come()
    whole.after(() => auth.leave())
    auth.subjects.set('alice', { consumer: 'acme', groups: ['gold'] })
    const url = `${server.url}/check`
    const route = (name: string, settings: object) => ({ name, match: { pathPrefix: `/${name}` }, upstream: 'main', policies: [{ 'ext-auth': settings }] })
    await under.apply({
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [
        route('plain', { url, upstreamHeaders: ['x-user'], timeoutMs: 500 }),
        route('named', { url, consumerHeader: 'x-user' }),
        route('kept', { url, cacheSeconds: 60, cacheBy: ['header:authorization'] }),
        route('open', { url, failure: 'open', upstreamHeaders: ['x-user'], timeoutMs: 500 }),
        route('grpc', { grpc: `http://127.0.0.1:${grpc.port}`, timeoutMs: 2000 }),
      ] as never,
    })
    await under.edge.serving()
  })

  const get = (path: string, headers: Record<string, string> = {}, more: FetchOptions = {}): Promise<FetchedResponse> => fetchOnce(under.url, { path, headers, ...more })
  const seenBy = (response: FetchedResponse) => response.json<{ headers: Record<string, string> }>().headers
  const reasonOf = (response: FetchedResponse) => [response.status, response.json<{ error: { reason: string } }>().error.reason]

  it('by HTTP it is told of the request, and what it says goes on to the upstream', async () => {
    server.does(answer(200, 'fine', { 'x-user': 'alice', 'x-other': 'no' }))
    const response = await get('/plain/a%20b?x=1', { authorization: 'Bearer t', 'x-user': 'admin', cookie: 'a=1' }, { method: 'PUT', body: 'text' })
    assert.equal(response.status, 200)
    const { headers, method, url } = server.requests.at(-1)!
    assert.deepEqual([method, url], ['GET', '/check'])
    assert.deepEqual(
      ['x-forwarded-method', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-uri', 'x-forwarded-for', 'x-request-id', 'authorization', 'cookie'].map((name) => headers[name]),
      ['PUT', 'http', `127.0.0.1:${under.port}`, '/plain/a%20b?x=1', '127.0.0.1', response.headers['x-request-id'], 'Bearer t', 'a=1'],
    )
    const { 'x-user': user, 'x-other': other } = seenBy(response)
    assert.deepEqual([user, other], ['alice', undefined])
  })

  it('its no is the answer, with status, body and fields', async () => {
    const before = upstream.requests.length
    server.does(answer(302, 'log in first', { location: 'https://login.example.com/', 'content-type': 'text/plain', server: 'inside' }))
    const redirected = await get('/plain/x')
    assert.deepEqual([redirected.status, redirected.body, redirected.headers['location'], redirected.headers['server']], [302, 'log in first', 'https://login.example.com/', undefined])
    server.does(answer(401, '', { 'www-authenticate': 'Bearer realm="inside"' }))
    const refused = await get('/plain/x')
    assert.deepEqual([refused.status, refused.headers['www-authenticate']], [401, 'Bearer realm="inside"'])
    assert.equal(upstream.requests.length, before)
  })

  it('it may say who is calling', async () => {
    server.does(answer(204, '', { 'x-user': 'alice' }))
    const { 'x-consumer-name': name, 'x-consumer-groups': groups } = seenBy(await get('/named/x'))
    assert.deepEqual([name, groups], ['acme', 'gold'])
    server.does(answer(204, ''))
    assert.deepEqual(reasonOf(await get('/named/x')), [401, 'policy.unauthenticated'])
  })

  it('a yes is remembered for requests that are alike, and asked for once; a no is not', async () => {
    server.does(answer(200, ''))
    const before = server.requests.length
    await Promise.all(Array.from({ length: 10 }, (_, index) => get(`/kept/${index}`, { authorization: 'one' })))
    await get('/kept/again', { authorization: 'one' })
    assert.equal(server.requests.length - before, 1)
    server.does(answer(403, 'no'))
    assert.equal((await get('/kept/x', { authorization: 'one' })).status, 200)
    for (let round = 0; round < 2; round++) assert.equal((await get('/kept/x', { authorization: 'two' })).status, 403)
    assert.equal(server.requests.length - before, 3)
  })

  it('one that errs, hangs or is gone is 503, or lets pass what it is set to', async () => {
    for (const script of [answer(500, 'broken'), answer(200, 'x'.repeat(70_000)), neverAnswer()]) {
      server.does(script)
      assert.deepEqual(reasonOf(await get('/plain/x')), [503, 'dependency.ext_auth_unreachable'])
      const open = await get('/open/x', { 'x-user': 'admin' })
      assert.deepEqual([open.status, seenBy(open)['x-user']], [200, undefined])
    }
    await server.kill()
    assert.deepEqual(reasonOf(await get('/plain/x')), [503, 'dependency.ext_auth_unreachable'])
    assert.equal((await get('/open/x')).status, 200)
  })

  it('by gRPC it is told the same, and sets and removes fields both ways', async () => {
    // CheckResponse { ok_response { headers, headers_to_remove, response_headers_to_add } }
    grpc.reply = encode([[3, [[2, header('x-user', 'alice')], [5, 'authorization'], [6, header('x-decided-by', 'grpc')]]]])
    const response = await get('/grpc/a%20b?x=1', { authorization: 'Bearer t', 'x-user': 'admin' })
    assert.equal(response.status, 200)
    assert.equal(response.headers['x-decided-by'], 'grpc')
    const { 'x-user': user, authorization } = seenBy(response)
    assert.deepEqual([user, authorization], ['alice', undefined])
    const [asked] = grpc.asked.slice(-1)
    const http = (field: number) => textsAt(asked!, [1, 4, 2, field])
    assert.deepEqual([http(1), http(2), http(4), http(5), http(6)].flat(), [response.headers['x-request-id'], 'GET', '/grpc/a%20b?x=1', `127.0.0.1:${under.port}`, 'http'])
    assert.deepEqual([textsAt(asked!, [1, 4, 2, 3, 1]), textsAt(asked!, [1, 4, 2, 3, 2]), textsAt(asked!, [1, 1, 1, 1, 2])].flat(), ['authorization', 'Bearer t', '127.0.0.1'])
  })

  it('by gRPC its no is the answer; without one of its own it is 403', async () => {
    // status { code: PERMISSION_DENIED }, denied_response { status { code }, headers, body }
    grpc.reply = encode([[1, [[1, 7]]], [2, [[1, [[1, 401]]], [2, header('www-authenticate', 'Bearer realm="grpc"')], [3, 'not you']]]])
    const refused = await get('/grpc/x')
    assert.deepEqual([refused.status, refused.body, refused.headers['www-authenticate']], [401, 'not you', 'Bearer realm="grpc"'])
    grpc.reply = encode([[1, [[1, 7]]]])
    assert.equal((await get('/grpc/x')).status, 403)
    grpc.reply = encode([[2, [[1, [[1, 200]]]]]])
    assert.equal((await get('/grpc/x')).status, 403)
  })

  it('by gRPC a call that fails is 503, and a server that comes back is asked again', async () => {
    grpc.reply = new Error('busy')
    assert.deepEqual(reasonOf(await get('/grpc/x')), [503, 'dependency.ext_auth_unreachable'])
    grpc.reply = Buffer.from([0x0a, 0xff])
    assert.deepEqual(reasonOf(await get('/grpc/x')), [503, 'dependency.ext_auth_unreachable'])
    grpc.leave()
    assert.deepEqual(reasonOf(await get('/grpc/x')), [503, 'dependency.ext_auth_unreachable'])
    grpc.reply = new Uint8Array(0)
    await grpc.come()
    await waitUntil(async () => (await get('/grpc/x')).status === 200, { what: 'the server to be asked again' })
  })
})
