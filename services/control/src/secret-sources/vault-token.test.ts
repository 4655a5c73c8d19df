import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { type Reply, startUpstream } from '@sluice/testkit'
import { SecretSources } from './secret-sources.ts'

interface Token {
  /** Seconds, from `since` on; 0: it never runs out. */
  ttl: number
  since: number
  renewable: boolean
  /** No renewal goes beyond it. */
  longestUntil: number
}

/** A server that keeps tokens as the documentation of Vault's token method says, on a clock of the test's. */
async function vaultWith(t: TestContext, tokens: Record<string, Partial<Token>>, environment: (url: string) => Record<string, string> = (url) => ({ VAULT_ADDR: url, VAULT_TOKEN: 'one' })) {
  const under = { now: 0, mayRenew: true, renewals: 0, told: [] as (string | undefined)[] }
  const kept = new Map(Object.entries(tokens).map(([name, token]): [string, Token] => [name, { ttl: 90, since: 0, renewable: true, longestUntil: Infinity, ...token }]))
  const answer = ({ record, response }: Reply): void => {
    const send = (status: number, body: object) => void response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    const token = kept.get(String(record.headers['x-vault-token']))
    const seconds = under.now / 1000
    const left = token === undefined || (token.ttl > 0 && seconds >= token.since + token.ttl) ? undefined : token.ttl === 0 ? 0 : token.since + token.ttl - seconds
    if (token === undefined || left === undefined) return send(403, { errors: ['permission denied'] })
    if (record.url === '/v1/auth/token/lookup-self' && record.method === 'GET') return send(200, { data: { ttl: Math.floor(left), renewable: token.renewable } })
    if (record.url === '/v1/auth/token/renew-self' && record.method === 'POST') {
      if (!under.mayRenew || !token.renewable) return send(token.renewable ? 403 : 400, { errors: ['no'] })
      under.renewals++
      Object.assign(token, { ttl: Math.min(90, token.longestUntil - seconds), since: seconds })
      return send(200, { auth: { client_token: 'one', lease_duration: Math.floor(token.ttl), renewable: token.renewable } })
    }
    send(200, { data: { data: { a: 'value' } } })
  }
  const server = await startUpstream(t, answer)
  const sources = new SecretSources({ environment: environment(server.url), sealing: undefined, now: () => under.now, onToken: (_, fault) => void under.told.push(fault) })
  const state = () => sources.states()[0]!
  /** Looks every five seconds, as control does. */
  const until = async (seconds: number) => {
    for (; under.now < seconds * 1000; under.now += 5000) await sources.keepTokens()
    await sources.keepTokens()
  }
  const read = async () => 'value' in (await sources.read('vault:secret/a#a', { directories: [] }))
  return { under, kept, server, sources, state, until, read }
}

test('a token is renewed while a third of its time is left, for as long as control runs', async (t) => {
  const { under, server, state, until, read } = await vaultWith(t, { one: {} })
  await until(30)
  assert.equal(server.requests.length, 0, 'nobody has asked Vault for anything')
  assert.equal(await read(), true)
  await until(60)
  assert.deepEqual([under.renewals, state().tokenSecondsLeft], [0, 30])
  await until(600)
  assert.ok(under.renewals >= 8, String(under.renewals))
  assert.ok(state().tokenSecondsLeft! >= 25)
  assert.deepEqual([await read(), state().isUp, state().isTokenEnding, under.told], [true, true, false, []])
})

test('a token that never runs out is asked about once', async (t) => {
  const { server, state, until, read } = await vaultWith(t, { one: { ttl: 0 } })
  await read()
  await until(10_000)
  assert.deepEqual([server.requests.length, state().tokenSecondsLeft, state().isTokenEnding], [2, undefined, false])
})

test('where it cannot be renewed that is told in time, tried again, and taken back when it can', async (t) => {
  const { under, state, until, read } = await vaultWith(t, { one: {} })
  await read()
  under.mayRenew = false
  await until(70)
  assert.deepEqual([under.told, state().isTokenEnding], [['Vault answered 403 when it was to be renewed'], true])
  under.mayRenew = true
  await until(85)
  assert.deepEqual([under.told.at(-1), state().isTokenEnding, state().tokenSecondsLeft! > 80], [undefined, false, true])
})

test('a token that has reached its longest time, or is not renewable, is told of before it ends', async (t) => {
  for (const token of [{ longestUntil: 100 }, { renewable: false }]) {
    const { under, state, until, read } = await vaultWith(t, { one: token })
    await read()
    await until(88)
    assert.deepEqual([state().isTokenEnding, under.told.length], [true, 1], JSON.stringify(token))
    assert.match(under.told[0]!, /longest time/)
    await until(105)
    assert.ok(state().tokenSecondsLeft! <= 0)
    under.now += 10_000
    assert.deepEqual([await read(), state().isUp], [false, false])
  }
})

test('another token in the file is taken as it is', async (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-vault-token-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const file = join(directory, 'token')
  writeFileSync(file, 'one\n')
  const { under, state, until, read } = await vaultWith(t, { one: { renewable: false }, two: { ttl: 5000 } }, (url) => ({ VAULT_ADDR: url, VAULT_TOKEN_FILE: file }))
  await read()
  await until(70)
  assert.equal(state().isTokenEnding, true)
  writeFileSync(file, 'two\n')
  await until(75)
  assert.deepEqual([state().isTokenEnding, under.told.at(-1), state().tokenSecondsLeft! > 4000], [false, undefined, true])
})

test('a token of which Vault tells nothing is used as before', async (t) => {
  const { under, server, state, until, read } = await vaultWith(t, { one: {} })
  server.does(({ record, response }) => void response.writeHead(record.url.startsWith('/v1/auth/') ? 403 : 200, { 'content-type': 'application/json' }).end('{"data":{"data":{"a":"value"}}}'))
  await read()
  await until(100)
  assert.deepEqual([await read(), state(), under.told], [true, { kind: 'vault', isUp: true, tokenSecondsLeft: undefined, isTokenEnding: false }, ['Vault answered 403 when it was asked how long it is good']])
})
