// RL6: quotas by plan, over restarts; RL7 in part: what is left of one, and who has used most of it
import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { refusalOf } from '../actors/ask.ts'
import { makeConsumer, makeKeyOf, withKey } from '../actors/consumers.ts'
import { admittedOf, burst, counting } from '../actors/limited-requests.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const dayMs = 86_400_000

/** Ends at once whatever keeps counts or asks for them, but Redis, and starts it again. */
async function killAndStart(system: System): Promise<void> {
  const processes = [...new Set([...system.edges.map(({ process }) => process), ...[system.services.get('ratelimit') ?? []].flat()])]
  await Promise.all(processes.map((process) => process.kill('SIGKILL')))
  await Promise.all(processes.map((process) => process.start()))
}

/** Embedded, counts are written half a second later: what was counted before `marker` is on disk when that is. */
async function isWritten(system: System, marker: string): Promise<void> {
  if (system.mode !== 'embedded') return
  await fetchOnce(`${system.edges[0]!.url}/marked`, { headers: { 'x-marker': marker } })
  await waitUntil(async () => (await readFile(join(system.directory, 'data', 'quotas.sqlite-wal'))).includes(marker), { what: 'the counts to be written' })
}

export const quotas: Case = {
  name: 'a plan has its quota of a day or a month, and keeps it over restarts',
  async run(system, t) {
    const answered = { 'fixed-response': { body: 'admitted' } }
    const config = (goldLimit: number) => ({
      groups: [
        { name: 'gold', policies: [{ quota: { limit: goldLimit, period: 'month' } }] },
        { name: 'free', policies: [{ quota: { limit: 2, period: 'day', window: 'rolling' } }] },
      ],
      routes: [
        { name: 'sold', match: { path: '/sold' }, policies: [{ 'key-auth': {} }, answered] },
        { name: 'tried', match: { path: '/tried' }, policies: [{ quota: { limit: 1, period: 'day', key: 'route', shadow: true } }, answered] },
        { name: 'marked', match: { path: '/marked' }, policies: [{ quota: { limit: 100, period: 'day', key: 'header:x-marker' } }, answered] },
      ],
    })
    await system.apply(config(6))
    let gold = ''

    await t.test('each plan admits its own, over all workers and edges', async () => {
      await counting(system, async (attempt) => {
        for (const [group, limit] of [['gold', 6], ['free', 2]] as const) {
          await makeConsumer(system, `${group}${attempt}`, { groups: [group] })
          const { key } = await makeKeyOf(system, `${group}${attempt}`)
          if (group === 'gold') gold = key
          assert.equal(admittedOf(await burst(system, '/sold', 10, withKey(key).headers)).length, limit, group)
        }
      })
    })

    await t.test('what is left of a quota can be looked up, and looking takes nothing', async () => {
      await makeConsumer(system, 'looker', { groups: ['gold'] })
      const { key } = await makeKeyOf(system, 'looker')
      const left = async () => {
        const { status, body } = await system.admin('GET', '/v1/consumers/looker/quotas')
        assert.equal(status, 200, body)
        return (JSON.parse(body) as { items: Record<string, unknown>[] }).items
      }
      for (const used of [0, 0]) assert.deepEqual((await left()).map(({ at, name, period, limit, used: seen }) => [at, name, period, limit, seen]), [['group:gold', 'quota', 'month', 6, used]])
      await counting(system, async () => void (await burst(system, '/sold', 2, withKey(key).headers)))
      const [seen] = await left()
      assert.ok(Number(seen!['used']) >= 2 && Number(seen!['remaining']) === 6 - Number(seen!['used']) && Number(seen!['resetSeconds']) > 0, JSON.stringify(seen))
      assert.equal((await system.admin('GET', '/v1/consumers/nobody-at-all/quotas')).status, 404)
    })

    await t.test('whoever has used most of it is told with each response, and the operator once', async () => {
      await counting(system, async (attempt) => {
        const name = `near${attempt}`
        await makeConsumer(system, name, { groups: ['gold'] })
        const { key } = await makeKeyOf(system, name)
        const fields: unknown[] = []
        for (let request = 0; request < 7; request++) fields.push((await fetchOnce(`${system.edges[request % system.edges.length]!.url}/sold`, withKey(key))).headers['x-quota-reached'])
        // Of six, the fifth is the first beyond 80 %.
        assert.deepEqual(fields, [undefined, undefined, undefined, undefined, '"quota";percent=80', '"quota";percent=100', '"quota";percent=100'])
        const events = () => system.logs().split('\n').filter((line) => line.includes('a quota has reached a threshold') && line.includes(`"${name}"`))
        await waitUntil(() => events().length >= 2, { what: 'both thresholds to be logged' })
        assert.deepEqual(events().map((line) => (JSON.parse(line) as { percent: number }).percent).sort((left, right) => left - right), [80, 100])
      })
    })

    await t.test('whoever has spent it is told until when', async () => {
      const { status, reason, answer } = await refusalOf(system, '/sold', withKey(gold))
      assert.deepEqual([status, reason], [429, 'policy.quota_spent'])
      const now = new Date()
      const monthEnds = Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 1)
      const seconds = Math.ceil((monthEnds - now.getTime()) / 1000)
      assert.ok(Math.abs(Number(answer.headers['retry-after']) - seconds) <= 60, `${answer.headers['retry-after']}, not ${seconds}`)
      assert.deepEqual([answer.headers['x-ratelimit-limit'], answer.headers['x-ratelimit-remaining']], ['6', '0'])
      const window = (monthEnds - Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), 1)) / 1000
      assert.equal(answer.headers['ratelimit-policy'], `"quota";q=6;w=${window}`)
      assert.ok(window * 1000 >= 28 * dayMs)
    })

    await t.test('in shadow it refuses nobody', async () => {
      const answers = await burst(system, '/tried', 4)
      assert.deepEqual(answers.map(({ status, headers }) => [status, headers['ratelimit']]), Array.from({ length: 4 }, () => [200, undefined]))
    })

    await t.test('after a crash it is spent still, and a larger plan adds to it without beginning anew', async () => {
      await isWritten(system, 'before-the-crash')
      await killAndStart(system)
      assert.equal((await refusalOf(system, '/sold', withKey(gold))).reason, 'policy.quota_spent')
      await system.apply(config(9))
      assert.equal(admittedOf(await burst(system, '/sold', 8, withKey(gold).headers)).length, 3)
    })
  },
}
