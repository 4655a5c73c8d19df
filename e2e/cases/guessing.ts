// AU9: a flood of wrong keys, each of which would cost 17 ms, is slowed, and good traffic goes on
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { echo, fetchOnce, startUpstream, waitUntil } from '@sluice/testkit'
import { ask } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { describeFailures, startTraffic } from '../actors/steady-traffic.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const lanes = 8
const pauseMs = 2

/** Wrong keys from one address, until it is stopped. */
class Flood {
  readonly statuses: number[] = []
  readonly #agent = new Agent({ keepAlive: true, localAddress: '127.0.0.100' })
  readonly #lanes: Promise<void>[]
  #isRunning = true

  constructor(system: System, path: string) {
    this.#lanes = Array.from({ length: lanes }, (_, index) => this.#run(system, path, index))
  }

  async stop(): Promise<void> {
    this.#isRunning = false
    await Promise.all(this.#lanes)
    this.#agent.destroy()
  }

  async #run(system: System, path: string, index: number): Promise<void> {
    let turn = index
    const again = newGuess()
    while (this.#isRunning) {
      // Half of them guess, the others come again and again with what was refused.
      const key = index % 2 === 0 ? newGuess() : again
      const { url } = system.edges[turn++ % system.edges.length]!
      this.statuses.push((await fetchOnce(url, { path, headers: withKey(key).headers, agent: this.#agent })).status)
      await sleep(pauseMs)
    }
  }
}

const newGuess = () => `sk_guess${randomBytes(4).toString('hex')}_${randomBytes(32).toString('hex')}`
const p99 = (times: number[]) => times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? NaN

export const guessing: Case = {
  name: 'guessing is slowed, and good traffic goes on',
  async run(system, t) {
    const upstream = await startUpstream(t, echo())
    await system.apply({
      upstreams: { echo: { endpoints: [{ url: upstream.url }] } },
      routes: [
        { name: 'guarded', match: { path: '/guarded' }, upstream: 'echo', policies: [{ 'key-auth': {} }] },
        { name: 'refused', match: { path: '/refused' }, policies: [{ 'fixed-response': { status: 401, body: 'no' } }] },
      ],
    })
    await makeConsumer(system, 'guessing-acme')
    const [known, fresh] = [await makeKeyOf(system, 'guessing-acme'), await makeKeyOf(system, 'guessing-acme')]
    for (let round = 0; round < 8; round++) assert.equal((await ask(system, '/guarded', withKey(known.key))).status, 200)

    /** The slowest hundredth of good requests beside a flood, in ms, and what the flood was answered. */
    const beside = async (path: string, meanwhile: (flood: Flood) => Promise<unknown>) => {
      const traffic = startTraffic(t, system.edges, { path: '/guarded', headers: withKey(known.key).headers, clients: 2 })
      const flood = new Flood(system, path)
      t.after(() => flood.stop())
      await meanwhile(flood)
      await flood.stop()
      await traffic.stop()
      assert.equal(traffic.failures.length, 0, describeFailures(traffic.failures))
      return { slowestMs: p99(traffic.outcomes.map(({ startedAt, endedAt }) => endedAt - startedAt)), statuses: flood.statuses }
    }

    await t.test('wrong keys of an address are soon not looked at; good ones pass, the known all the while', async (inner) => {
      const cheap = await beside('/refused', (flood) => waitUntil(() => flood.statuses.length >= 500, { timeoutMs: 30_000, what: 'a flood that costs nothing' }))
      const guessed = await beside('/guarded', async (flood) => {
        await waitUntil(() => flood.statuses.length >= 20, { timeoutMs: 30_000, what: 'the flood to begin' })
        // While auth has its hands full with wrong keys, one that nobody has seen may have to come again: 503, never 401.
        await waitUntil(async () => (await ask(system, '/guarded', withKey(fresh.key))).status === 200, { timeoutMs: 30_000, what: 'a new key to be let in' })
        await waitUntil(() => flood.statuses.includes(429), { timeoutMs: 60_000, what: 'the address to be slowed' })
        const before = flood.statuses.length
        await waitUntil(() => flood.statuses.length >= before + 300, { timeoutMs: 30_000, what: 'the flood to go on' })
        const slowed = flood.statuses.slice(before, before + 300).filter((status) => status === 429).length
        assert.ok(slowed > 200, `only ${slowed} of 300 were not looked at`)
      })
      const count = (status: number) => guessed.statuses.filter((one) => one === status).length
      inner.diagnostic(`p99 of good requests: ${cheap.slowestMs.toFixed(1)} ms beside a flood that costs nothing, ${guessed.slowestMs.toFixed(1)} ms beside one of wrong keys (${count(401)} looked at, ${count(429)} not, ${count(503)} found auth busy)`)
      assert.equal(count(401) + count(429) + count(503), guessed.statuses.length)
    })
  },
}
