import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { Agent, request as httpRequest } from 'node:http'
import { connect } from 'node:net'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { afterPromise, answer, closeConnection, echo, fetchOnce, freePort, neverAnswer, rawBytes, startUpstream, suiteCleanup, waitUntil, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

for (const engine of ['node', 'own'] as const) describe(`an edge carries requests, engine ${engine}`, { concurrency: false }, () => {
  const whole = suiteCleanup()
  let upstream: ScriptedUpstream
  let other: ScriptedUpstream
  let under: EdgeUnderTest

  before(async () => {
    upstream = await startUpstream(whole)
    other = await startUpstream(whole, answer(200, 'other'))
    const closedPort = await freePort()
    under = await startEdge(whole, {
      telemetry: { accessLog: { file: 'access.log' } },
      trustedProxies: ['127.0.0.2/32'],
      upstreams: {
        main: { endpoints: [{ url: upstream.url }] },
        based: { endpoints: [{ url: `${upstream.url}/base` }], hostHeader: 'endpoint' },
        closed: { endpoints: [{ url: `http://127.0.0.1:${closedPort}` }] },
        pair: { endpoints: [{ url: `http://127.0.0.1:${closedPort}` }, { url: other.url }] },
        slow: { endpoints: [{ url: upstream.url }], timeouts: { firstByteMs: 300 } },
        impatient: { endpoints: [{ url: upstream.url }], timeouts: { requestMs: 400 } },
      },
      routes: [
        { name: 'users', match: { path: '/users/{id}', methods: ['GET'] }, upstream: 'main' },
        { name: 'any', match: { pathPrefix: '/any' }, upstream: 'main' },
        { name: 'based', match: { path: '/based/{rest*}' }, upstream: 'based', rewrite: { path: '/v2/{rest}' } },
        { name: 'stripped', match: { pathPrefix: '/strip' }, upstream: 'main', rewrite: { stripPrefix: '/strip' } },
        { name: 'closed', match: { path: '/closed' }, upstream: 'closed' },
        { name: 'pair', match: { path: '/pair' }, upstream: 'pair' },
        { name: 'slow', match: { path: '/slow' }, upstream: 'slow' },
        { name: 'impatient', match: { path: '/impatient' }, upstream: 'impatient' },
        { name: 'goes-on', match: { path: '/goes-on' }, upstream: 'main', onClientAbort: 'continue' },
      ],
    }, { engine })
  })

  const lastLog = async (path: string) =>
    waitUntil(async () => {
      const lines = (await readFile(join(under.directory, 'access.log'), 'utf8')).trim().split('\n').map((line) => JSON.parse(line) as Record<string, unknown>)
      return lines.findLast((line) => line['path'] === path)
    })

  it('a request reaches the upstream and its response the client', async () => {
    upstream.does(answer(201, 'made', { 'x-from': 'upstream' }))
    const response = await fetchOnce(`${under.url}/users/17?a=1&b=%20&a=2`)
    assert.equal(response.status, 201)
    assert.equal(response.body, 'made')
    assert.equal(response.headers['x-from'], 'upstream')
    assert.match(String(response.headers['via']), /1\.1 sluice/)
    assert.match(String(response.headers['x-request-id']), /^[0-9A-Z]{26}$/)
    const seen = upstream.requests.at(-1)!
    assert.equal(seen.url, '/users/17?a=1&b=%20&a=2')
    assert.equal(seen.headers['x-request-id'], response.headers['x-request-id'])
  })

  it('the access log has one line with all its fields', async () => {
    upstream.does(answer(200, 'hello'))
    await fetchOnce(`${under.url}/users/logged`)
    const line = await lastLog('/users/logged')
    assert.deepEqual(Object.keys(line), ['time', 'method', 'path', 'template', 'status', 'bytesIn', 'bytesOut', 'totalMs', 'gatewayMs', 'upstreamMs', 'client', 'requestId', 'traceId', 'consumer', 'credential', 'route', 'upstream', 'endpoint', 'cache', 'limit', 'reason'])
    assert.equal(line['template'], '/users/{id}')
    assert.equal(line['bytesOut'], 5)
    assert.equal(line['route'], 'users')
    assert.equal(line['endpoint'], upstream.url)
    assert.equal(line['reason'], null)
  })

  it('an unknown path is 404, another method 405 with Allow, both in the error format', async () => {
    const missing = await fetchOnce(`${under.url}/nope`)
    assert.equal(missing.status, 404)
    const { error } = missing.json<{ error: Record<string, unknown> }>()
    assert.deepEqual(error, { code: 404, message: 'No route matches GET /nope', reason: 'client.no_route', request_id: missing.headers['x-request-id'] })
    const method = await fetchOnce(`${under.url}/users/1`, { method: 'DELETE' })
    assert.equal(method.status, 405)
    assert.equal(method.headers['allow'], 'GET, HEAD')
    const problem = await fetchOnce(`${under.url}/nope`, { headers: { accept: 'application/problem+json' } })
    assert.equal(problem.headers['content-type'], 'application/problem+json')
    assert.equal(problem.json<{ reason: string }>().reason, 'client.no_route')
  })

  it('the path is normalised before it is matched and sent; the query is not touched', async () => {
    upstream.does(answer(200, ''))
    await fetchOnce(under.url, { path: '/nope/../users//%7Ea%2fb?x=//..%2F' })
    assert.equal(upstream.requests.at(-1)!.url, '/users/~a%2Fb?x=//..%2F')
    for (const path of ['/users/%00', '/users/%zz', '/users/%2']) {
      assert.equal((await fetchOnce(under.url, { path })).status, 400, path)
    }
  })

  it('a rewrite, a base path and the endpoint as Host', async () => {
    upstream.does(answer(200, ''))
    await fetchOnce(`${under.url}/based/a/b?q=1`)
    assert.equal(upstream.requests.at(-1)!.url, '/base/v2/a/b?q=1')
    assert.equal(upstream.requests.at(-1)!.headers['host'], `127.0.0.1:${upstream.port}`)
    await fetchOnce(`${under.url}/strip/x`)
    assert.equal(upstream.requests.at(-1)!.url, '/x')
    await fetchOnce(`${under.url}/strip`)
    assert.equal(upstream.requests.at(-1)!.url, '/')
  })

  it('what an upstream says of its own address and paths is told in the client\'s', async () => {
    const own = `http://127.0.0.1:${upstream.port}`
    upstream.does(answer(302, '', { location: `${own}/base/v2/login?next=1`, 'set-cookie': 'id=1; Domain=127.0.0.1; Path=/base/v2' }))
    const based = await fetchOnce(`${under.url}/based/a`, { headers: { host: 'api.example.com' } })
    assert.equal(based.headers['location'], 'http://api.example.com/v2/login?next=1')
    assert.equal(String(based.headers['set-cookie']), 'id=1; Path=/v2')
    upstream.does(answer(201, '', { 'content-location': '/made/7', location: 'https://elsewhere.example.com/7' }))
    const stripped = await fetchOnce(`${under.url}/strip/x`)
    assert.equal(stripped.headers['content-location'], '/strip/made/7')
    assert.equal(stripped.headers['location'], 'https://elsewhere.example.com/7')
  })

  it('forwarded fields name the client; what an untrusted client claims is dropped', async () => {
    upstream.does(answer(200, ''))
    await fetchOnce(`${under.url}/any`, { headers: { 'x-forwarded-for': '6.6.6.6', forwarded: 'for=6.6.6.6', 'x-consumer-name': 'root', host: 'api.example.com' } })
    const { headers } = upstream.requests.at(-1)!
    assert.equal(headers['x-forwarded-for'], '127.0.0.1')
    assert.equal(headers['x-forwarded-proto'], 'http')
    assert.equal(headers['x-forwarded-host'], 'api.example.com')
    assert.equal(headers['host'], 'api.example.com')
    assert.doesNotMatch(String(headers['forwarded']), /6\.6\.6\.6/)
    assert.equal(headers['x-consumer-name'], undefined)
    assert.match(String(headers['traceparent']), /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/)
  })

  it('a trusted proxy is believed about the client', async () => {
    upstream.does(answer(200, ''))
    await new Promise<void>((resolve, reject) => {
      const request = httpRequest(`${under.url}/any/trusted`, { localAddress: '127.0.0.2', agent: false, headers: { 'x-forwarded-for': '203.0.113.9', 'x-forwarded-proto': 'https' } }, (response) => {
        response.resume()
        response.on('end', resolve)
      })
      request.on('error', reject)
      request.end()
    })
    const { headers } = upstream.requests.at(-1)!
    assert.equal(headers['x-forwarded-for'], '203.0.113.9, 127.0.0.2')
    assert.equal(headers['x-forwarded-proto'], 'https')
    assert.equal((await lastLog('/any/trusted'))['client'], '203.0.113.9')
  })

  it('a caller\'s trace goes on with a span of its own', async () => {
    upstream.does(answer(200, ''))
    await fetchOnce(`${under.url}/any`, { headers: { traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01', tracestate: 'a=b' } })
    const { headers } = upstream.requests.at(-1)!
    assert.match(String(headers['traceparent']), /^00-4bf92f3577b34da6a3ce929d0e0e4736-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$/)
    assert.equal(headers['tracestate'], 'a=b')
  })

  it('hop-by-hop fields pass neither way', async () => {
    upstream.does(answer(200, '', { 'keep-alive': 'timeout=5', 'proxy-authenticate': 'Basic', 'alt-svc': 'h3=":443"', 'x-end': 'yes' }))
    const response = await fetchOnce(`${under.url}/any`, { headers: { connection: 'close, x-secret-hop', 'x-secret-hop': '1', te: 'gzip', 'proxy-authorization': 'x', 'x-end': 'yes' } })
    const { headers } = upstream.requests.at(-1)!
    for (const name of ['x-secret-hop', 'te', 'proxy-authorization']) assert.equal(headers[name], undefined, name)
    assert.equal(headers['x-end'], 'yes')
    for (const name of ['proxy-authenticate', 'alt-svc']) assert.equal(response.headers[name], undefined, name)
    assert.equal(response.headers['x-end'], 'yes')
  })

  it('bodies pass both ways, with a length and without', async () => {
    upstream.does(echo())
    const body = 'x'.repeat(300_000)
    const fixed = await fetchOnce(`${under.url}/any`, { method: 'POST', body })
    assert.equal(fixed.status, 200)
    assert.equal(upstream.requests.at(-1)!.body.length, body.length)
    await new Promise<void>((resolve, reject) => {
      const request = httpRequest(`${under.url}/any`, { method: 'POST', agent: false, headers: { 'transfer-encoding': 'chunked' } }, (response) => {
        response.resume()
        response.on('end', resolve)
      })
      request.on('error', reject)
      for (let part = 0; part < 10; part++) request.write('y'.repeat(1000))
      request.end()
    })
    const chunked = upstream.requests.at(-1)!
    assert.equal(chunked.body.length, 10_000)
    assert.equal(chunked.headers['content-length'], undefined)
  })

  it('a response streams: its beginning is here before its end is written', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    upstream.does(async ({ response }) => {
      response.writeHead(200)
      response.write('first')
      await held
      response.end('second')
    })
    const seen: string[] = []
    const request = httpRequest(`${under.url}/any`, { agent: false }, (response) => {
      response.setEncoding('utf8').on('data', (chunk: string) => seen.push(chunk))
    })
    request.end()
    await waitUntil(() => seen.length > 0)
    assert.equal(seen.join(''), 'first')
    release()
    await waitUntil(() => seen.join('') === 'firstsecond')
  })

  it('HEAD has the length and no body', async () => {
    upstream.does(answer(200, 'four'))
    const response = await fetchOnce(`${under.url}/users/1`, { method: 'HEAD' })
    assert.equal(response.status, 200)
    assert.equal(response.headers['content-length'], '4')
    assert.equal(response.body, '')
  })

  it('a client that leaves ends the upstream exchange and is logged 499', async () => {
    upstream.does(neverAnswer())
    const before = upstream.requests.length
    const agent = new Agent()
    const request = httpRequest(`${under.url}/users/leaver`, { agent })
    request.on('error', () => undefined)
    request.end()
    await waitUntil(() => upstream.requests.length > before)
    request.destroy()
    const line = await lastLog('/users/leaver')
    assert.equal(line['status'], 499)
    assert.equal(line['reason'], 'client.aborted')
    assert.equal(await upstream.requests.at(-1)!.done, false)
  })

  it('with onClientAbort: continue the upstream exchange goes on', async () => {
    let release: () => void = () => undefined
    const held = new Promise<void>((resolve) => (release = resolve))
    upstream.does(afterPromise(held, answer(200, 'done')))
    const before = upstream.requests.length
    const request = httpRequest(`${under.url}/goes-on`, { agent: false })
    request.on('error', () => undefined)
    request.end()
    await waitUntil(() => upstream.requests.length > before)
    request.destroy()
    assert.equal((await lastLog('/goes-on'))['status'], 499)
    release()
    assert.equal(await upstream.requests.at(-1)!.done, true)
  })

  it('a refused connection is 502 with its reason', async () => {
    const response = await fetchOnce(`${under.url}/closed`)
    assert.equal(response.status, 502)
    assert.equal(response.json<{ error: { reason: string } }>().error.reason, 'upstream.connect_refused')
  })

  it('a second attempt goes to another endpoint, and the dead one is left out', async () => {
    for (let count = 0; count < 6; count++) assert.equal((await fetchOnce(`${under.url}/pair`)).body, 'other')
  })

  it('an upstream that does not answer in time is 504', async () => {
    upstream.does(neverAnswer())
    const slow = await fetchOnce(`${under.url}/slow`)
    assert.equal(slow.status, 504)
    assert.equal(slow.json<{ error: { reason: string } }>().error.reason, 'upstream.response_timeout')
    const whole_ = await fetchOnce(`${under.url}/impatient`)
    assert.equal(whole_.status, 504)
    assert.equal(whole_.json<{ error: { reason: string } }>().error.reason, 'upstream.request_timeout')
  })

  it('an upstream that closes without an answer, or answers nonsense, is 502', async () => {
    upstream.does(closeConnection())
    assert.equal((await fetchOnce(`${under.url}/any`, { method: 'POST', body: 'x' })).status, 502)
    upstream.does(rawBytes('NONSENSE\r\n\r\n'))
    const nonsense = await fetchOnce(`${under.url}/any`)
    assert.equal(nonsense.status, 502)
    assert.equal(nonsense.json<{ error: { reason: string } }>().error.reason, 'upstream.bad_response')
  })

  it('malformed requests are refused with 400 in the error format', async () => {
    const hostile = [
      'GET /any HTTP/1.1\r\n\r\n',
      'GET /any HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n',
      'GET /any HTTP/1.1\r\nHost: a b\r\n\r\n',
      'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      'POST /any HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
      'NONSENSE\r\n\r\n',
    ]
    for (const bytes of hostile) {
      const before = upstream.requests.length
      const socket = connect(under.port, '127.0.0.1')
      socket.end(bytes)
      let text = ''
      socket.setEncoding('utf8').on('data', (chunk: string) => (text += chunk))
      socket.on('error', () => undefined)
      await once(socket, 'close')
      assert.match(text, /^HTTP\/1\.1 400 /, JSON.stringify(bytes))
      assert.match(text, /"reason":"client\./)
      assert.equal(upstream.requests.length, before)
    }
  })
})
