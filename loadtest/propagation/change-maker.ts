/**
 * A program: changes of routes for one spell after another, in a process of its own, so that whoever looks at requests meanwhile
 * does nothing else. Changes leave at their time whether or not those before are answered; each lane changes a route of its own, one
 * after the other, and the first lane's is the one that the prober asks for. Told and telling by messages (`FloodOrder`, `FloodDone`).
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { AdminClient } from './admin-client.ts'
import { change, type Made } from './changes.ts'

const lanes = 16

export interface FloodOrder {
  readonly adminUrl: string
  readonly adminToken: string
  readonly perSecond: number
  readonly count: number
  /** Of the first that the prober can see. */
  readonly firstNumber: number
}

export interface FloodDone {
  /** Those that the prober can see, by `monotonicMs`. */
  readonly made: readonly Made[]
  /** Of all changes, in ms from when each was due to its answer. */
  readonly answers: readonly number[]
  readonly storeMs: readonly number[]
}

/** What `performance.now` has to be added to for the clock that all processes of a machine share. */
export const monotonicStart = (): number => Number(process.hrtime.bigint()) / 1e6 - performance.now()

async function makeChanges({ adminUrl, adminToken, perSecond, count, firstNumber }: FloodOrder): Promise<FloodDone> {
  const admin = new AdminClient(adminUrl, adminToken)
  const done = { made: [] as Made[], answers: [] as number[], storeMs: [] as number[] }
  const [startedAt, shift] = [performance.now(), monotonicStart()]
  const lane = async (index: number): Promise<void> => {
    for (let own = 0, place = index; place < count; own++, place += lanes) {
      const due = startedAt + (place * 1000) / perSecond
      await sleep(Math.max(0, due - performance.now()))
      const made = index === 0 ? await change(admin, firstNumber + own, false) : await changeOther(admin, index, place)
      if (index === 0) done.made.push(shifted(made as Made, shift))
      done.answers.push(performance.now() - due)
      done.storeMs.push(made.storeMs)
    }
  }
  await Promise.all(Array.from({ length: lanes }, (_, index) => lane(index)))
  admin.close()
  return done
}

const shifted = (made: Made, ms: number): Made => ({ ...made, sentAt: made.sentAt + ms, answeredAt: made.answeredAt + ms })

async function changeOther(admin: AdminClient, lane: number, place: number): Promise<{ storeMs: number }> {
  const name = `flood-${lane}`
  const route = { name, match: { hosts: ['flood.example'], path: `/${lane}` }, policies: [{ 'fixed-response': { status: 200, body: `${performance.now()} ${place}` } }] }
  const { timings } = await admin.ask('PUT', `/v1/routes/${name}`, route)
  return { storeMs: timings['store'] ?? NaN }
}

async function obey(order: FloodOrder): Promise<void> {
  process.send!((await makeChanges(order)) satisfies FloodDone)
}

if (import.meta.main) process.on('message', (order: FloodOrder) => void obey(order))
