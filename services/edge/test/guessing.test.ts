import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { before, describe, it } from 'node:test'
import { echo, fetchOnce, startUpstream, suiteCleanup, waitUntil, type FetchedResponse } from '@sluice/testkit'
import { type EdgeUnderTest, startEdge } from './edge-harness.ts'
import { ScriptedAuth } from './scripted-auth.ts'

const workers = 2
/** What an address may get wrong at once before it is slowed, and what each worker lets by until it has heard of it. */
const burst = 100
const inFlight = 4

describe('guessing, seen from outside', { concurrency: false }, () => {
  const whole = suiteCleanup()
  let under: EdgeUnderTest
  let auth: ScriptedAuth

  before(async () => {
    const upstream = await startUpstream(whole, echo())
    under = await startEdge(whole, undefined, { workers })
    auth = new ScriptedAuth(under.bus)
    auth.come()
    whole.after(() => auth.leave())
    for (const id of ['known', 'fresh', 'patient']) auth.keys.set(`sk_${id}_right`, { consumer: id })
    auth.passwords.set('acme:right', { consumer: 'acme' })
    const route = (name: string, ...policies: object[]) => ({ name, match: { path: `/${name}` }, upstream: 'main', policies })
    await under.apply({
      upstreams: { main: { endpoints: [{ url: upstream.url }] } },
      routes: [route('keys', { 'key-auth': {} }), route('passwords', { 'basic-auth': {} }), route('limited', { 'rate-limit': { limit: 5, windowSeconds: 3600, key: 'ip', algorithm: 'fixed-window' } }, { 'key-auth': {} })] as never,
    })
    await under.edge.serving()
  })

  /** A request from an address of the loopback network, over a connection of its own, so that any worker may take it. */
  async function ask(path: string, headers: Record<string, string>, localAddress: string): Promise<FetchedResponse> {
    const agent = new Agent({ localAddress })
    const answer = await fetchOnce(under.url + path, { headers, agent })
    agent.destroy()
    return answer
  }
  const withKey = (key: string, from: string, path = '/keys') => ask(path, { 'x-api-key': key }, from)
  const withPassword = (password: string, from: string) => ask('/passwords', { authorization: `Basic ${Buffer.from(`acme:${password}`).toString('base64')}` }, from)

  async function flood(count: number, one: (index: number) => Promise<FetchedResponse>): Promise<number[]> {
    const statuses: number[] = []
    let next = 0
    const lane = async () => {
      while (next < count) statuses.push((await one(next++)).status)
    }
    await Promise.all(Array.from({ length: inFlight }, lane))
    return statuses
  }

  it('a flood of wrong keys is soon not looked at, while good keys pass, old and new', async () => {
    for (let round = 0; round < 8; round++) assert.equal((await withKey('sk_known_right', '127.0.0.9')).status, 200)
    const flooding = flood(600, (index) => withKey(`sk_guess${index}_wrong`, '127.0.0.9'))
    // While it goes on: a key that is known, from the same address, and one that nobody has seen, from another.
    for (let round = 0; round < 8; round++) {
      assert.equal((await withKey('sk_known_right', '127.0.0.9')).status, 200)
      assert.equal((await withKey('sk_fresh_right', '127.0.0.10')).status, 200)
    }
    const statuses = await flooding
    assert.deepEqual([...new Set(statuses)].sort(), [401, 429])
    const looked = auth.count('key guess')
    assert.ok(looked >= burst && looked < 2 * burst, `auth was asked about ${looked} of 600`)
    assert.equal(statuses.filter((status) => status === 401).length, looked)
  })

  it('what is not looked at is told how long to wait, and is looked at after that', async () => {
    const refused = await withKey('sk_patient_right', '127.0.0.9')
    assert.equal(refused.status, 429)
    assert.equal(refused.json<{ error: { reason: string } }>().error.reason, 'policy.too_many_attempts')
    assert.match(refused.headers['retry-after'] as string, /^[1-9][0-9]?$/)
    await waitUntil(async () => (await withKey('sk_patient_right', '127.0.0.9')).status === 200, { timeoutMs: 90_000, everyMs: 200, what: 'the address to be let try again' })
  })

  it('a user name that is guessed at from many addresses waits for all but those who are known', async () => {
    for (let round = 0; round < 8; round++) assert.equal((await withPassword('right', '127.0.0.11')).status, 200)
    const statuses = await flood(200, (index) => withPassword(`wrong${index}`, `127.0.1.${index}`))
    assert.ok(statuses.filter((status) => status === 401).length < 40)
    assert.ok(statuses.includes(429))
    assert.equal((await withPassword('right', '127.0.0.12')).status, 200)
  })

  it('a limit that needs no identity runs before it: what it refuses costs auth nothing', async () => {
    const before = auth.count('key late')
    const reasons: string[] = []
    for (let index = 0; index < 12; index++) reasons.push((await withKey(`sk_late${index}_wrong`, '127.0.0.13', '/limited')).json<{ error: { reason: string } }>().error.reason)
    assert.deepEqual(reasons, [...Array(5).fill('policy.unauthenticated'), ...Array(7).fill('policy.limit_exceeded')])
    assert.equal(auth.count('key late') - before, 5)
  })

  it('what failed and what was not looked at is counted', async () => {
    const metric = async () => (await under.edge.metricsSnapshot()).find(({ name }) => name === 'sluice_identity_attempts_total')?.series ?? []
    const series = await metric()
    for (const policy of ['key-auth', 'basic-auth']) for (const outcome of ['failed', 'throttled']) assert.ok(series.some(({ values, value }) => values.join() === `${policy},${outcome}` && value > 0), `${policy} ${outcome}`)
  })
})
