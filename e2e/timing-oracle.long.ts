// AU8: from outside, neither the answer nor its time tells whether a key id or user name exists. Refusals of several kinds are
// asked for in turn, each with a secret of its own, and their times are compared by ranks (Mann and Whitney): the part of pairs in which
// the one kind took longer is a half when nothing can be told, and what a single look at the time is worth otherwise.
import assert from 'node:assert/strict'
import { randomBytes, randomInt } from 'node:crypto'
import { Agent } from 'node:http'
import { test, type TestContext } from 'node:test'
import { echo, fetchOnce, startUpstream, type FetchedResponse } from '@sluice/testkit'
import { makeConsumer, makeKeyOf } from './actors/consumers.ts'
import { startEmbedded } from './modes/embedded.ts'
import type { System } from './modes/system.ts'

const rounds = Number(process.env.SLUICE_ORACLE_ROUNDS) || 300
/** Three hundred of each kind put the part within 0.024 of the truth, two times in three. */
const tellable = 0.1

interface Kind {
  readonly name: string
  /** The fields of the request of a round. */
  readonly fields: (round: number) => Record<string, string>
}

const secret = () => randomBytes(32).toString('hex')
const basic = (user: string, password: string) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}` })
const newId = () => Array.from({ length: 12 }, () => 'abcdefghijklmnopqrstuvwxyz0123456789'[randomInt(36)]).join('')

/** What a client sees besides the time: everything but what differs with each request. */
function lookOf({ status, headers, body }: FetchedResponse): string {
  const { date: _, 'x-request-id': id, ...same } = headers
  return JSON.stringify([status, same, body.replaceAll(String(id), 'ID')])
}

/** The part of pairs in which `left` took longer; pairs of equals count as a half. */
function partLonger(left: readonly number[], right: readonly number[]): number {
  let longer = 0
  for (const one of left) for (const other of right) longer += one > other ? 1 : one === other ? 0.5 : 0
  return longer / (left.length * right.length)
}

const median = (times: readonly number[]) => times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)]!

/** Answers for each kind the times of its requests; fails when the answers do not look alike. */
async function measure(t: TestContext, system: System, path: string, kinds: readonly Kind[]): Promise<number[][]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 })
  t.after(() => agent.destroy())
  const [times, looks] = [kinds.map(() => [] as number[]), new Set<string>()]
  for (let round = -10; round < rounds; round++) {
    // Another order each round: what one leaves behind must not fall on the same kind each time.
    const order = kinds.map((_, index) => index).sort(() => randomInt(2) - 0.5)
    for (const index of order) {
      const headers = kinds[index]!.fields(round)
      const startedAt = performance.now()
      const answer = await fetchOnce(system.edges[0]!.url, { path, agent, headers })
      const took = performance.now() - startedAt
      looks.add(lookOf(answer))
      if (round >= 0) times[index]!.push(took)
    }
  }
  assert.equal(looks.size, 1, [...looks].join('\n'))
  assert.match([...looks][0]!, /^\[401,/)
  return times
}

async function compare(t: TestContext, system: System, path: string, kinds: readonly Kind[]): Promise<void> {
  const times = await measure(t, system, path, kinds)
  for (const [index, { name }] of kinds.entries()) {
    for (const [other, { name: against }] of kinds.entries()) {
      if (other <= index) continue
      const part = partLonger(times[index]!, times[other]!)
      t.diagnostic(`${path}: ${name} (median ${median(times[index]!).toFixed(2)} ms) took longer than ${against} (${median(times[other]!).toFixed(2)} ms) in ${(part * 100).toFixed(1)} % of pairs`)
      assert.ok(Math.abs(part - 0.5) < tellable, `${name} against ${against}: ${part}`)
    }
  }
}

test('what is refused looks alike and takes alike, whether or not there is such an id', async (t) => {
  const system = await startEmbedded(t)
  const upstream = await startUpstream(t, echo())
  // What slows failing attempts would soon answer in place of what is measured here.
  const measured = { throttleFailures: false }
  await system.apply({
    upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
    routes: [
      { name: 'key', match: { path: '/key' }, upstream: 'echo', policies: [{ 'key-auth': measured }] },
      { name: 'password', match: { path: '/password' }, upstream: 'echo', policies: [{ 'basic-auth': measured }] },
    ],
  })
  await makeConsumer(system, 'oracle')
  const known = await makeKeyOf(system, 'oracle')
  const revoked: string[] = []
  for (let index = 0; index < 20; index++) {
    const { id } = await makeKeyOf(system, 'oracle')
    revoked.push(id)
    assert.equal((await system.admin('DELETE', `/v1/consumers/oracle/credentials/${id}?wait=all`)).status, 200)
  }
  const { stdout: passwordHash, code } = await system.cli(['keys', 'hash'], { input: 'the password of somebody' })
  assert.equal(code, 0)
  await makeConsumer(system, 'oracle-user', { credentials: [{ basic: { username: 'somebody', passwordHash: passwordHash.trim() } }] })

  await t.test('a difference that is there is found: what is spelt like no key is refused without being looked at', async (inner) => {
    const kinds = [{ name: 'a wrong secret', fields: () => ({ 'x-api-key': `sk_${known.id}_${secret()}` }) }, { name: 'no key', fields: () => ({ 'x-api-key': secret() }) }]
    const [wrong = [], none = []] = await measure(inner, system, '/key', kinds)
    assert.ok(partLonger(wrong, none) > 0.9)
  })
  await t.test('API keys', (inner) =>
    compare(inner, system, '/key', [
      { name: 'an id that nobody has', fields: () => ({ 'x-api-key': `sk_${newId()}_${secret()}` }) },
      { name: 'a wrong secret', fields: () => ({ 'x-api-key': `sk_${known.id}_${secret()}` }) },
      { name: 'a revoked key', fields: (round) => ({ 'x-api-key': `sk_${revoked[(round + 20) % revoked.length]}_${secret()}` }) },
    ]),
  )
  await t.test('user names and passwords', (inner) =>
    compare(inner, system, '/password', [
      { name: 'a name that nobody has', fields: () => basic(newId(), secret()) },
      { name: 'a wrong password', fields: () => basic('somebody', secret()) },
    ]),
  )
})
