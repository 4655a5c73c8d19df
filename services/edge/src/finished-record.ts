import type { EdgeExchange } from './exchange.ts'
import type { FinishedExchange } from './telemetry/finished-exchange.ts'
import { phaseNames } from './telemetry/phases.ts'

const policyChain = phaseNames.indexOf('policy-chain')
const upstream = phaseNames.indexOf('upstream')
const responder = phaseNames.indexOf('responder')
const parser = phaseNames.indexOf('parser')

/** Not a whole number: V8 then keeps a field as what it will be, and the record in one shape. */
const someDuration = 0.5

/**
 * One object for all exchanges of a worker: telemetry keeps nothing of it. Every field is there from the beginning: who reads a record
 * whose shape has changed a few times looks each field up by its name, for as long as the worker runs.
 */
class FinishedRecord implements FinishedExchange {
  startedAtMs = someDuration
  method = ''
  path = ''
  template = ''
  status = 0
  bytesIn = 0
  bytesOut = 0
  totalMs = someDuration
  gatewayMs = someDuration
  upstreamMs: number | undefined = undefined
  client = ''
  requestId = ''
  traceId: string | undefined = undefined
  consumer: string | undefined = undefined
  credential: string | undefined = undefined
  route: string | undefined = undefined
  upstream: string | undefined = undefined
  endpoint: string | undefined = undefined
  cache: string | undefined = undefined
  limit: string | undefined = undefined
  shadow: string | undefined = undefined
  reason: FinishedExchange['reason'] = undefined
  refused = false
  revision = 0
  readonly phases = new Float64Array(phaseNames.length)
}

export function createFinishedRecord(): { fill(exchange: EdgeExchange, endedAt: number): FinishedExchange } {
  const record = new FinishedRecord()
  return {
    fill(exchange, endedAt) {
      fillRequest(record, exchange)
      fillOutcome(record, exchange, endedAt)
      fillPhases(record.phases, exchange, endedAt)
      return record
    },
  }
}

function fillRequest(record: FinishedExchange, exchange: EdgeExchange): void {
  record.startedAtMs = exchange.startedAtMs
  record.method = exchange.request.method
  record.path = exchange.request.askedPath
  record.template = exchange.matched?.template ?? ''
  record.client = exchange.client.address
  record.requestId = exchange.requestId
  record.traceId = exchange.trace?.traceId
  record.consumer = exchange.identity?.consumer
  // The token of a subject that no consumer has belongs to no credential.
  record.credential = exchange.identity?.credential || undefined
  record.route = exchange.matched?.name
  record.upstream = exchange.attempts > 0 ? exchange.matched?.upstream?.name : undefined
  record.endpoint = exchange.endpoint?.id
  record.revision = exchange.snapshot.revision
}

function fillOutcome(record: FinishedExchange, exchange: EdgeExchange, endedAt: number): void {
  record.status = exchange.status
  record.bytesIn = exchange.bytesIn
  record.bytesOut = exchange.bytesOut
  record.totalMs = endedAt - exchange.startedAt
  record.upstreamMs = exchange.attempts > 0 ? exchange.upstreamMs : undefined
  record.gatewayMs = Math.max(0, record.totalMs - exchange.upstreamMs)
  record.cache = exchange.cache?.status
  record.limit = limitOutcome(exchange)
  record.shadow = exchange.shadow?.decision
  record.reason = exchange.reason
  record.refused = exchange.refused
}

/** Of several limits the one that refused tells most, then one that would have, then the last. */
function limitOutcome({ limits }: EdgeExchange): string | undefined {
  let told: string | undefined
  for (const { outcome, isHidden } of limits) {
    if (outcome === 'refused') return outcome
    if (told !== 'would_refuse' && (isHidden !== true || outcome === 'would_refuse' || told === undefined)) told = outcome
  }
  return told
}

/** The walk is timed at its turns: read and routed with the policies, at the upstream, and the rest. */
function fillPhases(phases: Float64Array, exchange: EdgeExchange, endedAt: number): void {
  const policiesDone = exchange.policiesDoneAt === 0 ? endedAt : exchange.policiesDoneAt
  const routed = exchange.routedAt === 0 ? policiesDone : exchange.routedAt
  phases[parser] = routed - exchange.startedAt
  phases[policyChain] = policiesDone - routed
  phases[upstream] = exchange.upstreamMs
  phases[responder] = Math.max(0, endedAt - policiesDone - exchange.upstreamMs)
}
