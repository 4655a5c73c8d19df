/**
 * How a write is done: one transaction that locks the row of the scope, plans the change from what it reads, and does
 * it. When the answer to COMMIT is lost, the same lock is taken again, which waits for the end of the first transaction,
 * and the log is asked for the id of the write: it was done, whole, or never was.
 */
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { CALL_TIMEOUT_MS } from '@sluice/databases/answer'
import { OutcomeUnknown, type PostgresConnection, type Query } from '@sluice/databases/postgres-connection'
import { SluiceError } from '@sluice/errors'
import type { ConsumersChange } from '../consumer-changes.ts'
import { statements } from './statements.ts'

const RETRY_MS = 100

/** The scope's new version, or what `plan` answers when it comes to no change. */
export async function write<T>(connection: PostgresConnection, scope: string, changesKept: number, plan: (query: Query) => Promise<ConsumersChange | { answer: T }>): Promise<number | T> {
  const writeId = randomUUID()
  try {
    return await connection.transaction(async (query) => {
      const version = await lock(query, scope)
      const planned = await plan(query)
      return 'answer' in planned ? planned.answer : apply(query, { scope, version, writeId, changesKept }, planned)
    })
  } catch (error) {
    if (!(error instanceof OutcomeUnknown)) throw error
    const version = await versionOfWrite(connection, scope, writeId)
    if (version === undefined) throw error
    return version
  }
}

async function lock(query: Query, scope: string): Promise<number> {
  const [known] = await query(statements.lockScope, [scope])
  if (known !== undefined) return Number(known.version)
  await query(statements.makeScope, [scope])
  const [made] = await query(statements.lockScope, [scope])
  return Number(made?.version ?? 0)
}

/** Undefined: it was not done. Asks until the time of a call is over. */
async function versionOfWrite(connection: PostgresConnection, scope: string, writeId: string): Promise<number | undefined> {
  const deadline = performance.now() + CALL_TIMEOUT_MS
  for (;;) {
    try {
      return await connection.transaction(async (query) => {
        await lock(query, scope)
        const version = (await query(statements.versionOfWrite, [scope, writeId]))[0]?.version
        return typeof version === 'string' ? Number(version) : undefined
      })
    } catch (error) {
      if (performance.now() > deadline || error instanceof SluiceError) throw error
      await sleep(RETRY_MS)
    }
  }
}

interface Place {
  readonly scope: string
  readonly version: number
  readonly writeId: string
  readonly changesKept: number
}

async function apply(query: Query, { scope, version, writeId, changesKept }: Place, { consumers, claimed, released, revocations = [], changes }: ConsumersChange): Promise<number> {
  if (changes.length === 0) return version
  const saved = [...consumers].flatMap(([name, consumer]) => (consumer === undefined ? [] : [[name, JSON.stringify(consumer)] as const]))
  const removed = [...consumers].filter(([, consumer]) => consumer === undefined).map(([name]) => name)
  if (released.length > 0) await query(statements.removeClaims, [scope, released.map(({ kind }) => kind), released.map(({ id }) => id)])
  if (claimed.length > 0) await query(statements.saveClaims, [scope, claimed.map(({ kind }) => kind), claimed.map(({ id }) => id), claimed.map(({ consumer }) => consumer)])
  if (removed.length > 0) await query(statements.removeConsumers, [scope, removed])
  if (saved.length > 0) await query(statements.saveConsumers, [scope, saved.map(([name]) => name), saved.map(([, document]) => document)])
  if (revocations.length > 0) await query(statements.saveRevocations, [scope, ...(['name', 'beforeMs', 'untilMs'] as const).map((key) => revocations.map((one) => one[key]))])
  const last = version + changes.length
  await query(statements.appendChanges, [
    scope,
    writeId,
    changes.map((_, index) => version + 1 + index),
    ...(['kind', 'consumer', 'credentialId'] as const).map((key) => changes.map((change) => change[key])),
    changes.map(({ subjects }) => JSON.stringify(subjects)),
  ])
  await query(statements.setVersion, [scope, last])
  await query(statements.trimChanges, [scope, last - changesKept])
  return last
}
