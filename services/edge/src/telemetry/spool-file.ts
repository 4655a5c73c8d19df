/**
 * One file of the spool: what becomes one usage batch. A row of records, each its length, the CRC-32 of its bytes and the
 * bytes: a `UsageBatch` that holds a part. The first names the batch and carries the totals of the boot before it; the
 * last, written when the file is complete, only says until when it counts. A record that was cut short (the process or
 * the machine died in the middle) ends the file; what stands before it counts.
 */
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf'
import { UsageBatchSchema, type UsageBatch } from '@sluice/proto/messages/analytics'
import { crc32 } from 'node:zlib'
import { UsageRows } from './usage-rows.ts'
import type { AccessEventRow, UsageCountRow } from './usage-part.ts'

const headBytes = 8
/** Of one record, about: several make a batch, which has to pass the bus (1 MB). */
const recordBytes = 128 * 1024

export interface BatchName {
  readonly scope: string
  readonly edge: string
  readonly boot: string
  readonly sequence: number
}

export interface BootTotals {
  requests: number
  droppedEvents: number
}

function encodeRecord(batch: MessageInitShape<typeof UsageBatchSchema>): Buffer {
  const body = toBinary(UsageBatchSchema, create(UsageBatchSchema, batch))
  const record = Buffer.allocUnsafe(headBytes + body.length)
  record.writeUInt32LE(body.length, 0)
  record.writeUInt32LE(crc32(body), 4)
  record.set(body, headBytes)
  return record
}

export function encodeHead(name: BatchName, before: BootTotals): Buffer {
  return encodeRecord({ ...name, cumulativeRequests: before.requests, cumulativeDroppedEvents: before.droppedEvents })
}

export interface RowsRecord {
  readonly bytes: Buffer
  readonly requests: number
  readonly droppedEvents: number
}

/** Ends a file: every worker has delivered up to `untilMs`. */
export function encodeEnd(untilMs: number): Buffer {
  return encodeRecord({ lastAtMs: Math.max(1, Math.floor(untilMs)) })
}

/** The rows as records of moderate size. Dropped events stand in the first. */
export function encodeRows(rows: UsageRows): RowsRecord[] {
  const records: RowsRecord[] = []
  let counts: UsageCountRow[] = []
  let events: AccessEventRow[] = []
  let bytes = 0
  const close = () => {
    records.push(rowsRecord(rows, counts, events, records.length === 0 ? rows.droppedEvents : 0))
    counts = []
    events = []
    bytes = 0
  }
  for (const row of rows.counts) {
    counts.push(row)
    if ((bytes += sizeOf(row)) >= recordBytes) close()
  }
  for (const event of rows.events) {
    events.push(event)
    if ((bytes += sizeOf(event)) >= recordBytes) close()
  }
  if (bytes > 0 || records.length === 0) close()
  return records
}

function rowsRecord({ firstAtMs, lastAtMs }: UsageRows, counts: UsageCountRow[], events: AccessEventRow[], droppedEvents: number): RowsRecord {
  const bytes = encodeRecord({ firstAtMs, lastAtMs, counts, events, cumulativeDroppedEvents: droppedEvents })
  return { bytes, requests: counts.reduce((sum, row) => sum + row.requests, 0), droppedEvents }
}

export interface SpooledBatch {
  readonly batch: UsageBatch
  /** The file does not end with a whole record. */
  readonly isCut: boolean
}

/** The batch that a file holds; undefined when not even its first record can be read. */
export function decodeFile(content: Buffer): SpooledBatch | undefined {
  const { records, isCut } = decodeRecords(content)
  const head = records.shift()
  if (head === undefined || head.boot === '') return undefined
  const rows = new UsageRows(Infinity)
  for (const { firstAtMs, lastAtMs, counts, events, cumulativeDroppedEvents } of records) {
    if (firstAtMs > 0) rows.add({ firstAtMs, lastAtMs, counts, events, droppedEvents: cumulativeDroppedEvents })
  }
  const end = records.at(-1)
  // Only the closing record, which holds nothing else, knows until when all workers had delivered.
  const lastAtMs = end !== undefined && end.firstAtMs === 0 ? end.lastAtMs : rows.lastAtMs
  const { scope, edge, boot, sequence } = head
  const counts = rows.counts
  const batch = create(UsageBatchSchema, {
    ...{ scope, edge, boot, sequence, lastAtMs: Math.floor(lastAtMs), counts, events: [...rows.events] },
    firstAtMs: Math.floor(Math.min(rows.firstAtMs, lastAtMs)),
    cumulativeRequests: head.cumulativeRequests + counts.reduce((sum, row) => sum + row.requests, 0),
    cumulativeDroppedEvents: head.cumulativeDroppedEvents + rows.droppedEvents,
  })
  return { batch, isCut }
}

function decodeRecords(content: Buffer): { records: UsageBatch[]; isCut: boolean } {
  const records: UsageBatch[] = []
  let at = 0
  while (at + headBytes <= content.length) {
    const from = at + headBytes
    const body = content.subarray(from, from + content.readUInt32LE(at))
    if (body.length < content.readUInt32LE(at) || crc32(body) !== content.readUInt32LE(at + 4)) break
    records.push(fromBinary(UsageBatchSchema, body))
    at = from + body.length
  }
  return { records, isCut: at < content.length }
}

/** About the bytes of a row in a message, rather more. */
function sizeOf(row: UsageCountRow | AccessEventRow): number {
  let bytes = 0
  for (const value of Object.values(row)) bytes += typeof value === 'string' ? 3 + 3 * value.length : 9
  return bytes
}
