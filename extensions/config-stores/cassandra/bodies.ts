import { types } from 'cassandra-driver'
import type { Connection } from '@sluice/databases/cassandra-connection'

/** Far below the largest mutation a node takes (half a commit log segment), and small enough for the heap of a small one. */
const PART_BYTES = 512 * 1024
/** Parts on their way at once: a body of 40 MB must not stand in memory twice. */
const AT_ONCE = 4

export interface BodyName {
  readonly scope: string
  readonly revision: number
  readonly changeId: string
}

export function countParts(body: Uint8Array): number {
  return Math.ceil(body.length / PART_BYTES)
}

/**
 * Writes a body, before the log names it. On a quorum of all replicas: with that of the local datacenter alone, a
 * reader elsewhere could not be sure to find it.
 */
export async function writeBody(connection: Connection, name: BodyName, body: Uint8Array): Promise<void> {
  await inTurns(countParts(body), async (part) => {
    const bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength).subarray(part * PART_BYTES, (part + 1) * PART_BYTES)
    const query = 'INSERT INTO config_change (scope, rev, change_id, part, body) VALUES (?, ?, ?, ?, ?)'
    await connection.write(query, [...keyOf(name), part, bytes], { consistency: types.consistencies.quorum })
  })
}

export async function readBody(connection: Connection, name: BodyName, parts: number): Promise<Uint8Array> {
  const pieces = Array.from<Uint8Array>({ length: parts })
  await inTurns(parts, async (part) => {
    pieces[part] = (await readPart(connection, name, part, false)) ?? (await readPart(connection, name, part, true)) ?? missing(name, part)
  })
  return Buffer.concat(pieces)
}

/** Takes away the body of a change that cannot come into the log any more. */
export async function dropBody(connection: Connection, name: BodyName): Promise<void> {
  await connection.write('DELETE FROM config_change WHERE scope = ? AND rev = ? AND change_id = ?', keyOf(name))
}

async function readPart(connection: Connection, name: BodyName, part: number, everywhere: boolean): Promise<Uint8Array | undefined> {
  const query = 'SELECT body FROM config_change WHERE scope = ? AND rev = ? AND change_id = ? AND part = ?'
  const result = await connection.read(query, [...keyOf(name), part], everywhere ? { consistency: types.consistencies.quorum } : {})
  return result.first()?.body ?? undefined
}

function missing(name: BodyName, part: number): never {
  throw new Error(`part ${part} of the body of revision ${name.revision} cannot be found`)
}

function keyOf({ scope, revision, changeId }: BodyName): unknown[] {
  return [scope, BigInt(revision), changeId]
}

async function inTurns(count: number, work: (index: number) => Promise<void>): Promise<void> {
  let next = 0
  const worker = async () => {
    while (next < count) await work(next++)
  }
  await Promise.all(Array.from({ length: Math.min(AT_ONCE, count) }, worker))
}
