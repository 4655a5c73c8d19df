// AD3 and ST1: eight admins at two controls, one of which is killed, and the store as well: one line of revisions, every answer true
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { fetchOnce, waitUntil, type PostgresServer } from '@sluice/testkit'
import { bodyOf, named } from '../actors/ask.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'

const admins = 8
const roundsEach = 12

interface Won {
  readonly revision: number
  readonly resource: string
  readonly text: string
}

export const manyAdmins = (server: PostgresServer): Case => ({
  name: 'eight admins at two controls, killed in between with their store, make one history in which every answer is true',
  modes: ['distributed'],
  async run(system, t) {
    const start = await system.apply({ routes: [named('shared', { path: '/shared' }), ...Array.from({ length: admins }, (_, index) => named(`own-${index}`, { path: `/own-${index}` }))] })
    const second = await system.launchControl!(t)
    const story = new Story(system, [system.adminUrl, second.adminUrl], start.revision)
    const writing = Promise.all(Array.from({ length: admins }, (_, index) => story.write(index)))
    await story.reach(0.25)
    await second.process.kill('SIGKILL')
    await second.process.start()
    await story.reach(0.5)
    await server.kill('SIGKILL')
    await server.restart()
    await story.reach(0.75)
    await system.services.get('control')!.kill('SIGKILL')
    await system.services.get('control')!.start()
    await writing

    await t.test('writers met: some were refused for what had changed, and none for what had not', async () => {
      assert.ok(story.refused.length > 0, 'nobody was refused')
      for (const conflicts of story.refused) assert.ok(conflicts.length === 0 || conflicts.some((resource) => story.mayHaveChanged.has(resource)), conflicts.join())
    })

    await t.test('the history is one line, and each acknowledged change is in it once, as it was acknowledged', async () => {
      const { items } = (await system.admin('GET', '/v1/revisions?limit=500')).json<{ items: { revision: number }[] }>()
      const since = items.filter(({ revision }) => revision > start.revision).map(({ revision }) => revision).toReversed()
      assert.deepEqual(since, since.map((_, index) => start.revision + 1 + index))
      assert.equal(new Set(story.won.map(({ revision }) => revision)).size, story.won.length, 'no revision was given twice')
      for (const { revision, resource, text } of story.won) {
        const diff = (await system.admin('GET', `/v1/revisions/${revision}/diff`)).json<{ differences: { resource: string }[] }>()
        assert.deepEqual(diff.differences.map((difference) => difference.resource), [resource])
        assert.match(JSON.stringify(diff), new RegExp(`"after":"${text}"`))
      }
    })

    await t.test('the edges serve what came last', async () => {
      await waitUntil(async () => (await system.admin('PUT', '/v1/routes/last?wait=all&timeoutMs=2000', named('last', { path: '/last' }))).status < 202, { timeoutMs: 30_000, what: 'both edges to acknowledge' })
      for (let index = 0; index < admins; index++) {
        const last = story.won.findLast(({ resource }) => resource === `routes/own-${index}`)!
        assert.ok([last.text, ...story.inDoubt].includes(await bodyOf(system, `/own-${index}`)))
      }
    })
  },
})

/** What the admins did, and what they were answered. */
class Story {
  readonly won: Won[] = []
  /** For each refusal: what it says has changed. */
  readonly refused: string[][] = []
  /** What was sent and not answered for good. */
  readonly inDoubt: string[] = []
  /** What somebody else may change, or a change in doubt may have changed. */
  readonly mayHaveChanged = new Set(['routes/shared'])
  readonly #system: System
  readonly #urls: readonly string[]
  readonly #start: number
  /** The revision that the next change of a route is based on, for those that one admin has alone. */
  readonly #ownBases = new Map<string, number>()

  constructor(system: System, urls: readonly string[], start: number) {
    this.#system = system
    this.#urls = urls
    this.#start = start
  }

  async reach(share: number): Promise<void> {
    const enough = share * admins * roundsEach
    await waitUntil(() => this.won.length + this.refused.length >= enough, { timeoutMs: 60_000, what: `${enough} answers` })
  }

  /** One admin: in turns its own route, based on any older revision, and one that all want, based on the one it knows. */
  async write(index: number): Promise<void> {
    let known = this.#start
    for (let round = 0, turn = index; round < roundsEach; turn++) {
      const name = round % 2 ? 'shared' : `own-${index}`
      const text = `${index}-${turn}`
      const answer = await this.#put(this.#urls[turn % 2]!, name, text, name === 'shared' ? known : (this.#ownBases.get(name) ?? this.#start))
      if (answer === undefined) {
        await sleep(50)
        continue
      }
      known = Math.max(known, answer)
      round++
    }
  }

  /** The newest revision that the answer speaks of; undefined when there was no answer, or 503. */
  async #put(url: string, name: string, text: string, ifMatch: number): Promise<number | undefined> {
    const body = JSON.stringify({ match: { path: `/${name}` }, policies: [{ 'fixed-response': { status: 200, body: text } }] })
    const headers = { authorization: `Bearer ${this.#system.adminToken}`, 'content-type': 'application/json', 'if-match': `"${ifMatch}"` }
    const answer = await fetchOnce(`${url}/v1/routes/${name}`, { method: 'PUT', headers, body, timeoutMs: 20_000 }).catch(() => undefined)
    if (answer === undefined || answer.status === 503) {
      this.inDoubt.push(text)
      this.mayHaveChanged.add(`routes/${name}`)
      return undefined
    }
    const said = answer.json<{ revision: number; head: number; conflicts?: string[] }>()
    if (answer.status === 412) {
      this.refused.push([...(said.conflicts ?? [])])
      const head = said.head ?? ifMatch
      this.#ownBases.set(name, head)
      return head
    }
    assert.equal(answer.status, 200, answer.body)
    this.#ownBases.set(name, said.revision)
    this.won.push({ revision: said.revision, resource: `routes/${name}`, text })
    return said.revision
  }
}
