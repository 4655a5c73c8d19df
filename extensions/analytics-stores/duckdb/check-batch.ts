import { SluiceError } from '@sluice/errors'
import type { UsageBatch } from '@sluice/proto/messages/analytics'

/** Throws `client.bad_request` for a batch that cannot be stored as it is: one bad number would fail those beside it. */
export function checkBatch(batch: UsageBatch): void {
  const problem = problemOf(batch)
  if (problem !== undefined) throw new SluiceError('client.bad_request', { detail: `usage batch ${batch.sequence} of edge ${JSON.stringify(batch.edge)}: ${problem}` })
}

function problemOf(batch: UsageBatch): string | undefined {
  if (batch.scope === '' || batch.edge === '' || batch.boot === '') return 'scope, edge and boot are needed'
  if (!Number.isSafeInteger(batch.sequence) || batch.sequence < 1) return 'its sequence is no whole number from 1 on'
  const { firstAtMs, lastAtMs, cumulativeRequests, cumulativeDroppedEvents } = batch
  if (![firstAtMs, lastAtMs, cumulativeRequests, cumulativeDroppedEvents].every(isCount)) return 'an instant or a total is no whole number'
  for (const count of batch.counts) {
    if (![count.hourMs, count.requests, count.bytesIn, count.bytesOut, count.status].every(isCount)) return 'a count is no whole number'
  }
  for (const event of batch.events) {
    if (![event.bytesIn, event.bytesOut, event.revision, event.status].every(isCount)) return 'a number of an event is no whole number'
    if (![event.atMs, event.totalMs, event.gatewayMs, event.upstreamMs].every(isDuration)) return 'a time of an event is no number'
  }
  return undefined
}

const isCount = (value: number): boolean => Number.isSafeInteger(value) && value >= 0
const isDuration = (value: number): boolean => value >= 0 && value <= Number.MAX_SAFE_INTEGER
