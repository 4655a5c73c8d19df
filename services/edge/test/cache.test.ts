import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:http2'
import { text } from 'node:stream/consumers'
import { before, it } from 'node:test'
import { afterPromise, answer, fetchOnce, neverAnswer, rawBytes, resetConnection, startUpstream, streamChunks, suiteCleanup, waitUntil, type Script, type ScriptedUpstream } from '@sluice/testkit'
import { startEdge, type EdgeUnderTest } from './edge-harness.ts'

const whole = suiteCleanup()
let under: EdgeUnderTest
let upstream: ScriptedUpstream
let hostsSoFar = 0

before(async () => {
  upstream = await startUpstream(whole)
  under = await startEdge(whole, undefined)
})

/** Has everything go to the upstream with these settings of the policy, under a host that nothing is kept of yet. */
async function cached(settings: object = {}, { policies = [], upstream: more = {}, listeners = {} }: { policies?: object[]; upstream?: object; listeners?: object } = {}): Promise<(path?: string, options?: Options) => Promise<Seen>> {
  const host = `h${++hostsSoFar}.test`
  await under.apply({ upstreams: { up: { endpoints: [{ url: upstream.url }], retries: { attempts: 1 }, ...more } }, routes: [{ name: 'all', match: { pathPrefix: '/' }, upstream: 'up', policies: [{ cache: settings }, ...policies] }], ...(Object.keys(listeners).length === 0 ? {} : { listeners }) } as never)
  await under.edge.serving()
  upstream.requests.length = 0
  return (path = '/', { headers, ...options } = {}) => seen(path, { ...options, headers: { host, ...headers } })
}

interface Options {
  readonly method?: string
  readonly headers?: Record<string, string>
  readonly body?: string
  readonly signal?: AbortSignal
}

interface Seen {
  readonly status: number
  readonly body: string
  readonly cache: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

async function seen(path: string, options: Options): Promise<Seen> {
  const { status, body, headers } = await fetchOnce(under.url, { path, ...options } as never)
  return { status, body, headers: headers as never, cache: String(headers['x-cache-status']) }
}

const ok = (control: string, headers: Record<string, string> = {}, body = 'kept'): Script => answer(200, body, { 'cache-control': control, ...headers })
const asked = () => upstream.requests.length

it('a response is kept for as long as it says, and tells its age', async () => {
  const get = await cached()
  upstream.does(ok('max-age=60', { age: '7', 'content-type': 'text/x' }))
  const first = await get('/a?x=1')
  assert.deepEqual([first.cache, first.body, first.headers['cache-status']], ['MISS', 'kept', 'sluice; fwd=uri-miss; stored'])
  const second = await get('/a?x=1')
  assert.deepEqual([second.cache, second.status, second.body, second.headers['content-type'], second.headers['content-length'], asked()], ['HIT', 200, 'kept', 'text/x', '4', 1])
  assert.ok(Number(second.headers['age']) >= 7 && Number(second.headers['age']) < 20, String(second.headers['age']))
  assert.match(String(second.headers['cache-status']), /^sluice; hit; ttl=(5[0-3]|4\d)$/)
  assert.match(String(second.headers['x-request-id']), /^[0-9A-Z]{26}$/)
  assert.equal(second.headers['via'], '1.1 sluice')
  assert.equal((await get('/a?x=2')).cache, 'MISS')
})

it('what is not for keeping is asked for each time', async () => {
  const get = await cached()
  const scripts: Record<string, Script> = {
    'no-store': ok('no-store, max-age=60'), private: ok('private, max-age=60'), 'no lifetime': answer(200, 'x', { etag: '"1"' }), 'vary *': ok('max-age=60', { vary: '*' }),
    cookie: ok('max-age=60, public', { 'set-cookie': 'a=b' }), 'old already': ok('max-age=60', { age: '61' }), error: answer(503, 'x', { 'cache-control': 'max-age=60' }), part: answer(206, 'x', { 'cache-control': 'max-age=60', 'content-range': 'bytes 0-0/9' }),
  }
  for (const [name, script] of Object.entries(scripts)) {
    upstream.does(script)
    const path = `/${encodeURIComponent(name)}`
    const first = await get(path)
    assert.deepEqual([first.cache, (await get(path)).cache], ['MISS', 'MISS'], name)
    assert.doesNotMatch(String(first.headers['cache-status']), /stored/, name)
  }
  assert.equal(asked(), Object.keys(scripts).length * 2)
})

it('other methods, and requests with a body, go past it', async () => {
  const get = await cached()
  upstream.does(ok('max-age=60'))
  for (let round = 0; round < 2; round++) assert.equal((await get('/p', { method: 'POST', body: 'x' })).cache, 'BYPASS')
  assert.equal((await get('/p', { headers: { 'content-length': '1' }, body: 'x' })).cache, 'BYPASS')
  assert.equal(asked(), 3)
})

it('HEAD is answered from what a GET brought, and brings nothing itself', async () => {
  const get = await cached()
  upstream.does(ok('max-age=60'))
  assert.equal((await get('/h', { method: 'HEAD' })).cache, 'MISS')
  assert.equal((await get('/h')).cache, 'MISS')
  const head = await get('/h', { method: 'HEAD' })
  assert.deepEqual([head.cache, head.body, head.headers['content-length'], asked()], ['HIT', '', '4', 2])
})

it('responses are told apart by what they vary by, as the upstream sees it', async () => {
  const get = await cached({}, { policies: [{ 'request-transform': { headers: { set: { 'x-colour': 'blue' } } } }] })
  upstream.does(({ record, response }) => answer(200, String(record.headers['accept-language']), { 'cache-control': 'max-age=60', vary: 'Accept-Language, X-Colour' })({ record, response } as never))
  const ask = (language: string, colour: string) => get('/v', { headers: { 'accept-language': language, 'x-colour': colour } })
  assert.deepEqual([(await ask('de', 'red')).cache, (await ask('fr', 'red')).cache], ['MISS', 'MISS'])
  const [german, french] = [await ask('de', 'green'), await ask('fr', 'red')]
  assert.deepEqual([german.cache, german.body, french.cache, french.body, asked()], ['HIT', 'de', 'HIT', 'fr', 2])
})

it('what is stale is confirmed by its upstream, and lasts anew', async () => {
  const get = await cached()
  upstream.does(ok('max-age=0', { etag: '"one"', 'x-old': '1' }))
  await get('/r')
  upstream.does(({ record, response }) => {
    assert.equal(record.headers['if-none-match'], '"one"')
    response.writeHead(304, { 'cache-control': 'max-age=60', 'x-new': '2' }).end()
  })
  const confirmed = await get('/r')
  assert.deepEqual([confirmed.cache, confirmed.status, confirmed.body, confirmed.headers['x-old'], confirmed.headers['x-new']], ['REVALIDATED', 200, 'kept', '1', '2'])
  assert.equal(confirmed.headers['cache-status'], 'sluice; fwd=stale; fwd-status=304')
  const again = await get('/r')
  assert.deepEqual([again.cache, again.headers['x-new'], asked()], ['HIT', '2', 2])
})

it('what is stale and was replaced is replaced', async () => {
  const get = await cached()
  upstream.does(ok('no-cache', { 'last-modified': 'Sun, 06 Nov 1994 08:49:37 GMT' }))
  await get('/n')
  upstream.does(ok('max-age=60', {}, 'newer'))
  const replaced = await get('/n')
  assert.equal(upstream.requests.at(-1)!.headers['if-modified-since'], 'Sun, 06 Nov 1994 08:49:37 GMT')
  assert.deepEqual([replaced.cache, replaced.body, (await get('/n')).body, asked()], ['EXPIRED', 'newer', 'newer', 2])
})

it('a client that has it already, or wants a part of it, is answered from what is kept', async () => {
  const get = await cached()
  upstream.does(ok('max-age=60', { etag: '"one"', 'content-type': 'text/x' }, '0123456789'))
  await get('/c')
  const notModified = await get('/c', { headers: { 'if-none-match': 'W/"one"' } })
  assert.deepEqual([notModified.status, notModified.body, notModified.headers['etag'], notModified.headers['content-type'], notModified.cache], [304, '', '"one"', undefined, 'HIT'])
  const part = await get('/c', { headers: { range: 'bytes=2-4' } })
  assert.deepEqual([part.status, part.body, part.headers['content-range'], part.headers['content-length']], [206, '234', 'bytes 2-4/10', '3'])
  assert.deepEqual((await get('/c', { headers: { range: 'bytes=-1', 'if-range': '"other"' } })).body, '0123456789')
  const beyond = await get('/c', { headers: { range: 'bytes=10-' } })
  assert.deepEqual([beyond.status, beyond.headers['content-range']], [416, 'bytes */10'])
  assert.equal(asked(), 1)
})

it('a part of what is not kept is asked for as a part', async () => {
  const get = await cached()
  upstream.does(answer(206, '23', { 'content-range': 'bytes 2-3/10', 'cache-control': 'max-age=60' }))
  const part = await get('/c', { headers: { range: 'bytes=2-3' } })
  assert.deepEqual([part.status, part.body, part.cache, upstream.requests[0]!.headers['range']], [206, '23', 'MISS', 'bytes=2-3'])
})

it('the operator\'s lifetime stands above that of the response, not above what forbids keeping', async () => {
  const get = await cached({ ttlSeconds: 300 })
  upstream.does(answer(200, 'x'))
  await get('/plain')
  assert.deepEqual([(await get('/plain')).cache, (await get('/plain')).headers['cache-status']], ['HIT', 'sluice; hit; ttl=300'])
  for (const [path, script] of [['/stored', ok('no-store')], ['/cookie', ok('', { 'set-cookie': 'a=b' })], ['/missing', answer(404, 'no')]] as const) {
    upstream.does(script)
    await get(path)
    assert.equal((await get(path)).cache, 'MISS', path)
  }
})

it('of the query only what counts tells responses apart; all of it goes to the upstream', async () => {
  const get = await cached({ keyQuery: ['page', 'size'], keyHeaders: ['X-Tenant'] })
  upstream.does(ok('max-age=60'))
  await get('/q?utm=1&page=2&size=9')
  assert.equal(upstream.requests[0]!.url, '/q?utm=1&page=2&size=9')
  assert.equal((await get('/q?size=9&page=2&utm=7')).cache, 'HIT')
  assert.equal((await get('/q?size=9&page=3')).cache, 'MISS')
  assert.equal((await get('/q?size=9&page=3', { headers: { 'x-tenant': 'b' } })).cache, 'MISS')
})

it('a body that is longer than may be kept passes through whole', async () => {
  const get = await cached({ maxObjectBytes: 1000 })
  const long = 'x'.repeat(200_000)
  for (const script of [ok('max-age=60', {}, long), streamChunks([long.slice(0, 100_000), long.slice(100_000)], { headers: { 'cache-control': 'max-age=60' } })]) {
    upstream.does(script)
    for (let round = 0; round < 2; round++) {
      const { cache, body } = await get('/long')
      assert.deepEqual([cache, body.length], ['MISS', 200_000])
    }
  }
})

it('one in chunks is kept, one that ends with its connection is not: nobody can tell whether it is whole', async () => {
  const get = await cached()
  upstream.does(streamChunks(['in ', 'chunks'], { headers: { 'cache-control': 'max-age=60' } }))
  assert.equal((await get('/chunks')).body, 'in chunks')
  const kept = await get('/chunks')
  assert.deepEqual([kept.cache, kept.body, kept.headers['content-length'], kept.headers['transfer-encoding']], ['HIT', 'in chunks', '9', undefined])
  upstream.does(rawBytes('HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\n\r\nto the end'))
  for (let round = 0; round < 2; round++) {
    const { cache, body } = await get('/close')
    assert.deepEqual([cache, body], ['MISS', 'to the end'])
  }
})

it('an HTTP/2 client is answered from what an HTTP/1.1 client has brought', async () => {
  const get = await cached({}, { listeners: { http: { address: `127.0.0.1:${under.port}`, h2c: true } } })
  const host = { headers: { host: 'both.test' } }
  upstream.does(ok('max-age=60', { etag: '"one"' }, 'for both'))
  await get('/two', host)
  const session = connect(under.url)
  try {
    const ask = async (fields: object) => {
      const stream = session.request({ ':path': '/two', ':authority': 'both.test', ...fields })
      const [headers] = (await once(stream, 'response')) as [Record<string, string>]
      return { status: Number(headers[':status']), cache: headers['x-cache-status'], length: headers['content-length'], body: await text(stream) }
    }
    assert.deepEqual(await ask({}), { status: 200, cache: 'HIT', length: '8', body: 'for both' })
    assert.deepEqual(await ask({ ':method': 'HEAD' }), { status: 200, cache: 'HIT', length: '8', body: '' })
    assert.deepEqual(await ask({ 'if-none-match': '"one"' }), { status: 304, cache: 'HIT', length: undefined, body: '' })
    assert.deepEqual(await ask({ range: 'bytes=0-2' }), { status: 206, cache: 'HIT', length: '3', body: 'for' })
  } finally {
    session.close()
  }
  assert.equal(asked(), 1)
})

it('those that wait for a variant that is not theirs wait once more, for one that is', async () => {
  const get = await cached()
  const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const inLanguage: Script = (reply) => answer(200, String(reply.record.headers['accept-language']), { 'cache-control': 'max-age=60', vary: 'accept-language' })(reply)
  upstream.does(afterPromise(second.promise, inLanguage)).doesNext(afterPromise(first.promise, inLanguage))
  const ask = (language: string) => get('/languages', { headers: { 'accept-language': language } })
  const german = ask('de')
  await waitUntil(() => asked() === 1)
  const french = [ask('fr'), ask('fr'), ask('fr')]
  await waitingRequests(3)
  first.resolve()
  assert.equal((await german).body, 'de')
  await waitUntil(() => asked() === 2)
  await waitingRequests(2)
  second.resolve()
  assert.deepEqual((await Promise.all(french)).map(({ cache, body }) => `${cache} ${body}`).sort(), ['HIT fr', 'HIT fr', 'MISS fr'])
  assert.equal(asked(), 2)
})

it('a response that breaks off is not kept', async () => {
  const get = await cached()
  upstream.does(streamChunks(['half'], { everyMs: 1, headers: { 'cache-control': 'max-age=60' }, thenReset: true }))
  await assert.rejects(get('/half'))
  upstream.does(ok('max-age=60', {}, 'all of it'))
  assert.deepEqual([(await get('/half')).body, (await get('/half')).cache], ['all of it', 'HIT'])
})

it('of many requests for what is not there one goes to the upstream, and all get its response', async () => {
  const get = await cached()
  const gate = Promise.withResolvers<void>()
  upstream.does(afterPromise(gate.promise, ok('max-age=60')))
  const first = get('/one')
  await waitUntil(() => asked() === 1)
  const others = Array.from({ length: 30 }, () => get('/one'))
  await waitingRequests(30)
  gate.resolve()
  assert.equal((await first).cache, 'MISS')
  assert.deepEqual(new Set((await Promise.all(others)).map(({ cache, body }) => `${cache} ${body}`)), new Set(['HIT kept']))
  assert.equal(asked(), 1)
})

it('those that wait go on as soon as it is clear that nothing will be kept', async () => {
  const get = await cached()
  const [head, rest] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  upstream.does(async ({ response }) => {
    await head.promise
    response.writeHead(200, { 'cache-control': 'no-store' }).flushHeaders()
    await rest.promise
    response.end('never kept')
  })
  const first = get('/free')
  await waitUntil(() => asked() === 1)
  const others = [get('/free'), get('/free'), get('/free')]
  await waitingRequests(3)
  head.resolve()
  await waitUntil(() => asked() === 4, { what: 'the others to go on while the first response is still on its way' })
  rest.resolve()
  for (const { cache, body } of await Promise.all([first, ...others])) assert.deepEqual([cache, body], ['MISS', 'never kept'])
})

it('when it fails, or its client leaves, the next one asks', async () => {
  const get = await cached()
  const gate = Promise.withResolvers<void>()
  upstream.does(neverAnswer()).doesNext(neverAnswer(), afterPromise(gate.promise, answer(500, 'broken')), ok('max-age=60'))
  const leaving = new AbortController()
  const left = get('/next', { signal: leaving.signal }).catch(() => 'left')
  await waitUntil(() => asked() === 1)
  const others = [get('/next'), get('/next'), get('/next')]
  await waitingRequests(3)
  leaving.abort()
  assert.equal(await left, 'left')
  await waitUntil(() => asked() === 2)
  gate.resolve()
  assert.deepEqual((await Promise.all(others)).map(({ status }) => status).sort(), [200, 200, 500])
  assert.equal(asked(), 3)
})

it('a client that leaves while it waits leaves nothing behind', async () => {
  const get = await cached()
  const gate = Promise.withResolvers<void>()
  upstream.does(afterPromise(gate.promise, ok('max-age=60')))
  const first = get('/leave')
  await waitUntil(() => asked() === 1)
  const leaving = new AbortController()
  const left = get('/leave', { signal: leaving.signal }).catch(() => 'left')
  await waitingRequests(1)
  leaving.abort()
  assert.equal(await left, 'left')
  await waitingRequests(0)
  gate.resolve()
  assert.equal((await first).status, 200)
  assert.deepEqual([(await get('/leave')).cache, asked()], ['HIT', 1])
})

it('what is stale for a short time is used while it is asked for anew', async () => {
  const get = await cached()
  upstream.does(ok('max-age=0, stale-while-revalidate=60', { etag: '"one"' }))
  await get('/swr')
  upstream.does(ok('max-age=60', {}, 'newer'))
  const stale = await get('/swr')
  assert.deepEqual([stale.cache, stale.body], ['STALE', 'kept'])
  await waitUntil(async () => (await get('/swr')).body === 'newer')
  assert.equal((await get('/swr')).cache, 'HIT')
  assert.deepEqual([asked(), upstream.requests[1]!.headers['if-none-match']], [2, '"one"'])
})

it('when the upstream fails what is stale answers, for as long as it may', async () => {
  const get = await cached({ staleIfErrorSeconds: 60 })
  upstream.does(ok('max-age=0', { etag: '"one"' }))
  await get('/sie')
  await get('/')
  for (const script of [answer(500, 'broken'), answer(503, 'broken'), resetConnection()]) {
    upstream.does(script)
    const stale = await get('/sie')
    assert.deepEqual([stale.status, stale.cache, stale.body], [200, 'STALE', 'kept'])
    assert.match(String(stale.headers['cache-status']), /^sluice; hit; ttl=(-\d+|0)$/)
  }
  upstream.does(ok('max-age=0, must-revalidate', { etag: '"one"' }))
  await get('/strict')
  upstream.does(answer(500, 'broken'))
  assert.deepEqual([(await get('/strict')).status, (await get('/never-kept')).status], [500, 500])
})

it('a request that changes something puts out what is kept under its URL and those it names', async () => {
  const get = await cached()
  const paths = ['/items', '/items/7', '/other']
  const fill = async () => {
    upstream.does(ok('max-age=60'))
    for (const path of paths) await get(path)
    assert.deepEqual(await Promise.all(paths.map(async (path) => (await get(path)).cache)), ['HIT', 'HIT', 'HIT'])
  }
  await fill()
  upstream.does(answer(500, 'no'))
  await get('/items', { method: 'POST', body: 'x' })
  upstream.does(ok('max-age=60'))
  assert.equal((await get('/items')).cache, 'HIT')
  upstream.does(answer(201, 'made', { location: '/items/7' }))
  await get('/items', { method: 'POST', body: 'x' })
  upstream.does(ok('max-age=60'))
  assert.deepEqual([(await get('/items')).cache, (await get('/items/7')).cache, (await get('/other')).cache], ['MISS', 'MISS', 'HIT'])
})

it('a client may ask for less: something younger, confirmed, or not kept', async () => {
  const get = await cached()
  const withControl = (control: string) => ({ headers: { 'cache-control': control } })
  upstream.does(ok('max-age=60', { etag: '"one"', age: '10' }))
  assert.equal((await get('/less', withControl('no-store'))).cache, 'MISS')
  assert.equal((await get('/less')).cache, 'MISS')
  assert.equal((await get('/less', withControl('max-age=30, min-fresh=5'))).cache, 'HIT')
  assert.equal((await get('/less', withControl('max-age=5'))).cache, 'BYPASS')
  assert.equal((await get('/less', withControl('min-fresh=55'))).cache, 'BYPASS')
  upstream.does(({ response }) => void response.writeHead(304).end())
  assert.deepEqual([(await get('/less', withControl('no-cache'))).cache, upstream.requests.at(-1)!.headers['if-none-match']], ['REVALIDATED', '"one"'])
})

it('a client that wants only what is kept is answered from there, or 504; nobody is asked for it', async () => {
  const get = await cached({ staleIfErrorSeconds: 60 })
  const only = (control = '', more: object = {}) => get('/only', { ...more, headers: { 'cache-control': `only-if-cached${control}` } })
  upstream.does(ok('max-age=60', { age: '10' }))
  const missed = await only()
  assert.deepEqual([missed.status, missed.cache, missed.headers['cache-status'], missed.headers['cache-control'], asked()], [504, 'MISS', 'sluice; detail=only-if-cached', 'no-store', 0])
  assert.equal((JSON.parse(missed.body) as { error: { reason: string } }).error.reason, 'client.not_cached')
  const head = await only('', { method: 'HEAD' })
  assert.deepEqual([head.status, head.body], [504, ''])
  await get('/only')
  assert.deepEqual([(await only()).body, (await only(', max-age=5')).status, (await only(', no-cache')).status, asked()], ['kept', 504, 504, 1])
  upstream.does(ok('max-age=0', { etag: '"one"' }))
  await get('/only', { headers: { 'cache-control': 'no-cache' } })
  const stale = await only()
  assert.deepEqual([stale.status, stale.cache, (await only(', max-stale')).body, asked()], [504, 'EXPIRED', 'kept', 2])
  assert.equal((await get('/only', { method: 'POST', body: 'x', headers: { 'cache-control': 'only-if-cached' } })).cache, 'BYPASS')
})

it('a client that wants only what is kept does not wait for what is on its way', async () => {
  const get = await cached()
  const gate = Promise.withResolvers<void>()
  upstream.does(afterPromise(gate.promise, ok('max-age=60')))
  const first = get('/coming')
  await waitUntil(() => asked() === 1)
  assert.equal((await get('/coming', { headers: { 'cache-control': 'only-if-cached' } })).status, 504)
  gate.resolve()
  assert.equal((await first).body, 'kept')
})

it('in shadow everything is asked of the upstream and passes as it is, and what would have been answered is counted', async () => {
  const get = await cached({ shadow: true, name: 'tried', staleIfErrorSeconds: 60 })
  upstream.does(ok('max-age=60', { etag: '"one"', 'cache-tag': 'a' }))
  const would = async (outcome: string) => (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_policy_would_refuse_total')?.series.find(({ values }) => values[1] === 'tried' && values[2] === outcome)?.value ?? 0
  for (let round = 0; round < 3; round++) {
    const { status, body, cache, headers } = await get('/tried')
    assert.deepEqual([status, body, cache, headers['cache-status'], headers['age'], headers['cache-tag']], [200, 'kept', 'undefined', undefined, undefined, 'a'])
  }
  assert.deepEqual([asked(), upstream.requests.filter(({ headers }) => 'if-none-match' in headers).length], [3, 0])
  await waitUntil(async () => (await would('HIT')) === 2, { what: 'two hits to be counted' })
  assert.equal((await get('/never', { headers: { 'cache-control': 'only-if-cached' } })).body, 'kept')
  await waitUntil(async () => (await would('client.not_cached')) === 1)
  upstream.does(ok('max-age=0, stale-while-revalidate=60', { etag: '"two"' }))
  await get('/stale')
  await get('/stale')
  await waitUntil(async () => (await would('STALE')) === 1)
  upstream.does(answer(500, 'broken'))
  assert.deepEqual([(await get('/stale')).status, (await get('/tried')).status], [500, 500])
})

it('an answer to a request with Authorization is kept only when it says that it may be', async () => {
  const get = await cached()
  const mine = { headers: { authorization: 'Basic eDp5' } }
  for (const [control, kept] of [['max-age=60', 'MISS'], ['max-age=60, public', 'HIT'], ['s-maxage=60', 'HIT'], ['max-age=60, must-revalidate', 'HIT']] as const) {
    upstream.does(ok(control))
    const path = `/auth/${encodeURIComponent(control)}`
    await get(path, mine)
    assert.equal((await get(path, mine)).cache, kept, control)
  }
})

it('it is told of in the access log and in the metrics', async () => {
  const statuses = (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_cache_requests_total')!.series.map(({ values }) => values[0]).sort()
  assert.deepEqual(statuses, ['BYPASS', 'EXPIRED', 'HIT', 'MISS', 'REVALIDATED', 'STALE'])
})

it('while the circuit is open what is kept answers, however old, and 503 where there is nothing', async () => {
  const get = await cached({}, { upstream: { circuitBreaker: { consecutiveFailures: 1, openSeconds: 60, fallback: 'cached' } } })
  upstream.does(ok('max-age=0', { etag: '"one"' }))
  await get('/known')
  upstream.does(ok('max-age=0, must-revalidate', { etag: '"one"' }))
  await get('/strict')
  upstream.does(answer(500, 'broken'))
  assert.equal((await get('/unknown')).status, 500)
  const before = asked()
  const fallback = await get('/known')
  assert.deepEqual([fallback.status, fallback.body, fallback.cache], [200, 'kept', 'STALE'])
  for (const path of ['/unknown', '/strict']) {
    const refused = await get(path)
    assert.equal(refused.status, 503)
    assert.match(refused.body, /upstream.circuit_open/)
    assert.ok(Number(refused.headers['retry-after']) > 0)
  }
  assert.equal(asked(), before)
})

/** Resolves when so many requests wait at the cache for a response that is on its way. */
async function waitingRequests(count: number): Promise<void> {
  await waitUntil(async () => (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_cache_waiting')?.series[0]?.value === count, { what: `${count} requests to wait` })
}
