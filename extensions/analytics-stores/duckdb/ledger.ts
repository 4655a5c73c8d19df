/**
 * Which batches are in. Of each start of an edge the ledger knows the sequence up to which all are, and those above it
 * that came early; a batch is known by that alone, however long ago it was written. What is remembered here is what
 * the tables say, read when it is first asked for: the file has one process.
 */
import type { DuckDBConnection } from '@duckdb/node-api'
import { SluiceError } from '@sluice/errors'
import type { UsageBatch } from '@sluice/proto/messages/analytics'

/** An edge that sends its hundred-thousandth batch without the one in between is not catching up any more. */
const MAX_EARLY = 100_000
const MAX_REMEMBERED = 10_000

export interface BootState {
  storedSequence: number
  /** End of the batch `storedSequence`. */
  lastAtMs: number
  requests: number
  cumulativeRequests: number
  droppedEvents: number
  /** Batches above `storedSequence`, with their ends. */
  readonly early: Map<number, number>
}

type BootName = Pick<UsageBatch, 'scope' | 'edge' | 'boot'>

export class Ledger {
  readonly #boots = new Map<string, BootState>()

  /** The state of that boot, to be changed by `enter` and inside a transaction only. */
  async boot(connection: DuckDBConnection, name: BootName): Promise<BootState> {
    const key = keyOf(name)
    const state = this.#boots.get(key) ?? (await readBoot(connection, name))
    // Read again last, so that those forgotten are those not heard of for longest.
    this.#boots.delete(key)
    this.#boots.set(key, state)
    return state
  }

  /** Call between transactions. */
  trim(): void {
    for (const key of this.#boots.keys()) {
      if (this.#boots.size <= MAX_REMEMBERED) return
      this.#boots.delete(key)
    }
  }

  /** After a transaction that failed: what was entered in it never was. */
  forget(): void {
    this.#boots.clear()
  }
}

/** Whether `batch` was new to `state`, which then knows it. */
export function enter(state: BootState, batch: UsageBatch): boolean {
  const { sequence, lastAtMs } = batch
  if (sequence <= state.storedSequence || state.early.has(sequence)) return false
  if (state.early.size >= MAX_EARLY) throw new SluiceError('client.bad_request', { detail: `too many batches of edge ${batch.edge} wait for its batch ${state.storedSequence + 1}` })
  state.early.set(sequence, lastAtMs)
  for (let next = state.storedSequence + 1; ; next++) {
    const endMs = state.early.get(next)
    if (endMs === undefined) break
    state.early.delete(next)
    state.storedSequence = next
    state.lastAtMs = endMs
  }
  for (const count of batch.counts) state.requests += count.requests
  state.cumulativeRequests = Math.max(state.cumulativeRequests, batch.cumulativeRequests)
  state.droppedEvents = Math.max(state.droppedEvents, batch.cumulativeDroppedEvents)
  return true
}

async function readBoot(connection: DuckDBConnection, { scope, edge, boot }: BootName): Promise<BootState> {
  const name = [scope, edge, boot]
  const found = await connection.runAndReadAll('SELECT stored_sequence, last_at_ms, requests, cumulative_requests, dropped_events FROM boot WHERE scope = $1 AND edge = $2 AND boot = $3', name)
  const [storedSequence = 0, lastAtMs = 0, requests = 0, cumulativeRequests = 0, droppedEvents = 0] = found.getRowsJS()[0]?.map(Number) ?? []
  const waiting = await connection.runAndReadAll('SELECT sequence, last_at_ms FROM batch WHERE scope = $1 AND edge = $2 AND boot = $3 AND sequence > $4', [...name, BigInt(storedSequence)])
  const early = new Map(waiting.getRowsJS().map(([sequence, endMs]) => [Number(sequence), Number(endMs)]))
  return { storedSequence, lastAtMs, requests, cumulativeRequests, droppedEvents, early }
}

function keyOf({ scope, edge, boot }: BootName): string {
  return JSON.stringify([scope, edge, boot])
}
