import { types } from 'cassandra-driver'
import type { Claim, ConsumersChange } from '../consumer-changes.ts'
import type { Revocation, StoredConsumer } from '../credential-store.ts'
import type { Connection } from '@sluice/databases/cassandra-connection'

const PART_BYTES = 512 * 1024

export interface IntentName {
  readonly scope: string
  readonly version: number
  readonly changeId: string
}

/** What a write does to the rows. */
export interface Intent {
  readonly consumers: readonly (readonly [string, StoredConsumer | null])[]
  readonly claimed: readonly (Claim & { readonly consumer: string })[]
  readonly released: readonly Claim[]
  readonly revocations?: readonly Revocation[]
}

export function intentOf({ consumers, claimed, released, revocations = [] }: ConsumersChange): Intent {
  return { consumers: [...consumers].map(([name, consumer]) => [name, consumer ?? null]), claimed, released, revocations }
}

/** On a quorum of all replicas, so that whoever has to do it can read it. */
export async function writeIntent(connection: Connection, name: IntentName, intent: Intent): Promise<void> {
  const body = Buffer.from(JSON.stringify(intent))
  const query = 'INSERT INTO credential_intent (scope, version, change_id, part, body) VALUES (?, ?, ?, ?, ?)'
  for (let part = 0; part * PART_BYTES < body.length; part++) {
    const bytes = body.subarray(part * PART_BYTES, (part + 1) * PART_BYTES)
    await connection.write(query, [...keyOf(name), part, bytes], { consistency: types.consistencies.quorum })
  }
}

/** Undefined when it was done and taken away. */
export async function readIntent(connection: Connection, name: IntentName): Promise<Intent | undefined> {
  const query = 'SELECT body FROM credential_intent WHERE scope = ? AND version = ? AND change_id = ?'
  const rows = await connection.readAll(query, keyOf(name), { consistency: types.consistencies.quorum })
  return rows.length === 0 ? undefined : JSON.parse(Buffer.concat(rows.map((row) => row.body)).toString())
}

export async function dropIntent(connection: Connection, name: IntentName): Promise<void> {
  await connection.write('DELETE FROM credential_intent WHERE scope = ? AND version = ? AND change_id = ?', keyOf(name))
}

function keyOf({ scope, version, changeId }: IntentName): unknown[] {
  return [scope, BigInt(version), changeId]
}
