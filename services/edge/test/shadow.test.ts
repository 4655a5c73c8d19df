// Row EX3: whom policies in shadow would have denied is whom they deny in force, and nobody notices.
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { before, describe, it } from 'node:test'
import { renderMetrics } from '@sluice/service-kit'
import { echo, fetchOnce, startUpstream, suiteCleanup, waitUntil } from '@sluice/testkit'
import { part, sealHmac, sharedSecret } from '../../../packages/verifier/test/minted-tokens.ts'
import { type EdgeUnderTest, startEdge } from './edge-harness.ts'

type Entry = Record<string, Record<string, unknown>>

const jwt: Entry = { jwt: { keys: [{ kid: 's', alg: 'HS256', secret: sharedSecret }], throttleFailures: false } }
const addresses: Entry = { 'ip-restriction': { deny: ['192.0.2.0/26'] } }
const sizes: Entry = { 'request-limits': { maxQueryParameters: 2, maxBodyBytes: 64 } }
const writers: Entry = { acl: { allow: { scopes: ['write'] } } }
const hourly: Entry = { 'rate-limit': { limit: 9, windowSeconds: 3600, key: 'header:x-key' } }
const sets: Readonly<Record<string, readonly Entry[]>> = {
  addresses: [addresses],
  sizes: [sizes],
  tokens: [jwt],
  scopes: [jwt, writers],
  any: [{ any: { methods: [jwt], anonymous: 'guest' } }],
  limit: [hourly],
  queue: [{ 'rate-limit': { algorithm: 'leaky-bucket', limit: 1, burst: 5, windowSeconds: 3600, maxWaitMs: 10_000, key: 'header:x-key' } }],
  quota: [{ quota: { limit: 8, period: 'month', key: 'header:x-key' } }],
  concurrency: [{ 'concurrency-limit': { limit: 100, key: 'ip' } }],
  preflights: [{ cors: { origins: ['https://app.example'], methods: ['POST'] } }],
  moved: [{ redirect: { to: '/elsewhere' } }],
  faults: [{ fault: { abortStatus: 418 } }],
  all: [addresses, sizes, jwt, writers, { 'rate-limit': { limit: 3, windowSeconds: 3600, key: 'claim:sub' } }],
}

const inShadow = (entry: Entry): Entry => Object.fromEntries(Object.entries(entry).map(([type, settings]) => [type, { ...settings, shadow: true }]))
const routes = Object.entries(sets).flatMap(([name, policies]) => [
  { name: `${name}.force`, match: { pathPrefix: `/force/${name}` }, upstream: 'main', policies: [...policies] },
  { name: `${name}.shadow`, match: { pathPrefix: `/shadow/${name}` }, upstream: 'main', policies: policies.map(inShadow) },
])

const seal = (claims: object) => sealHmac(`${part({ alg: 'HS256', kid: 's' })}.${part(claims)}`, sharedSecret)
const now = Math.floor(Date.now() / 1000)
const tokens = [undefined, seal({ sub: 'reader', exp: now + 3600 }), seal({ sub: 'writer', scope: 'write', exp: now + 3600 }), seal({ sub: 'late', exp: now - 3600 }), `${seal({ sub: 'forged', exp: now + 3600 })}x`]

/** Requests of every kind, the same in every run. */
const sent = Array.from({ length: 40 }, (_, index) => ({
  query: ['', '?a=1', '?a=1&b=2&c=3'][index % 3]!,
  body: index % 4 === 0 ? undefined : 'x'.repeat((index * 7) % 100),
  method: index % 4 === 0 ? 'OPTIONS' : 'POST',
  headers: {
    'x-forwarded-for': `192.0.2.${(index * 37) % 128}`,
    'x-key': `key-${index % 2}`,
    ...(tokens[index % tokens.length] === undefined ? {} : { authorization: `Bearer ${tokens[index % tokens.length]}` }),
    ...(index % 8 === 0 ? { origin: 'https://app.example', 'access-control-request-method': 'POST' } : {}),
  } as Record<string, string>,
}))

describe('policies in shadow', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let under: EdgeUnderTest

  before(async () => {
    const upstream = await startUpstream(whole, echo())
    under = await startEdge(whole, { telemetry: { accessLog: { file: 'access.log' } }, trustedProxies: ['127.0.0.0/8'], upstreams: { main: { endpoints: [{ url: upstream.url }] } }, routes }, { workers: 2 })
  })

  const ask = ({ query, body, method, headers }: (typeof sent)[number], path: string) => fetchOnce(under.url + path + query, { method, headers, ...(body === undefined ? {} : { body }) })

  /** By path, what the access log says would have ended the exchange. */
  async function decisions(name: string): Promise<Map<string, string | undefined>> {
    const lines = await waitUntil(async () => {
      const text = await readFile(join(under.directory, 'access.log'), 'utf8')
      const all = text.trim().split('\n').map((line) => JSON.parse(line) as { path: string; shadow?: string }).filter(({ path }) => path.startsWith(`/shadow/${name}/`))
      return all.length === sent.length ? all : undefined
    }, { what: `${sent.length} lines of ${name}` })
    return new Map(lines.map(({ path, shadow }) => [path, shadow]))
  }

  for (const name of Object.keys(sets)) {
    it(`whom they would have denied is whom they deny in force, and each for the same reason: ${name}`, async () => {
      const denied: (string | undefined)[] = []
      for (const [index, request] of sent.entries()) {
        const { status, body } = await ask(request, `/force/${name}/${index}`)
        denied.push(status === 200 ? undefined : status < 400 ? String(status) : (JSON.parse(body) as { error: { reason: string } }).error.reason)
        const passed = await ask(request, `/shadow/${name}/${index}`)
        assert.equal(passed.status, 200, `${index}: ${passed.body}`)
        for (const field of Object.keys(passed.headers)) assert.doesNotMatch(field, /ratelimit|access-control|retry-after|location/)
        const seen = passed.json<{ method: string; body: string; headers: Record<string, string> }>()
        assert.deepEqual([seen.method, seen.body, seen.headers['authorization'], seen.headers['x-consumer-name']], [request.method, request.body ?? '', request.headers['authorization'], undefined])
      }
      const would = await decisions(name)
      assert.deepEqual(sent.map((_, index) => would.get(`/shadow/${name}/${index}`)?.replace(/^[^:]*:/, '')), denied)
      if (name !== 'concurrency') assert.ok(denied.some((one) => one !== undefined), 'nobody was denied')
    })
  }

  it('the metrics tell them by route, policy and reason', async () => {
    const text = renderMetrics(await under.edge.metricsSnapshot())
    assert.match(text, /sluice_policy_would_refuse_total\{route="addresses\.shadow",policy="ip-restriction",outcome="policy\.forbidden"\} \d+/)
    assert.match(text, /sluice_limit_would_refuse_total\{route="limit\.shadow"\} \d+/)
  })
})
