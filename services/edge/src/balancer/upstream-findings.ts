/**
 * What a worker has found out about upstreams by itself, told to discovery: circuits that are not closed, and endpoints that
 * it leaves out. Looked at once a second, and only where something has failed; told when it changes, and each ten
 * seconds while there is any, so that what was lost on the way does no harm for long.
 */
import type { Bus } from '@sluice/buses/bus'
import { announce } from '@sluice/buses/rpc'
import { UpstreamReportSchema } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import type { Clock } from '@sluice/service-kit'
import type { UpstreamState } from './upstream-state.ts'

export interface FindingsParts {
  readonly bus: Bus
  readonly scope: string
  readonly edge: string
  readonly zone: string
  /** Unique among the workers of the edge. */
  readonly worker: number
  readonly upstreams: () => Iterable<UpstreamState>
  readonly clock: Clock
}

interface Finding {
  readonly upstream: string
  readonly circuit: string
  readonly leftOut: string[]
}

const lookEveryMs = 1000
const tellEveryMs = 10_000
/** What a message holds; more troubles than this are seen one after another. */
const maxUpstreams = 500
const maxLeftOut = 100

export class UpstreamFindings {
  private readonly parts: FindingsParts
  private timer: NodeJS.Timeout | undefined
  private told = '[]'
  private toldAt = 0

  constructor(parts: FindingsParts) {
    this.parts = parts
  }

  start(): void {
    this.timer = setInterval(() => this.look(), lookEveryMs).unref()
  }

  stop(): void {
    clearInterval(this.timer)
    if (this.told !== '[]') this.tell([])
  }

  private look(): void {
    const now = this.parts.clock.monotonic()
    const findings = this.find(now)
    const text = JSON.stringify(findings)
    const isRepeat = findings.length > 0 && now - this.toldAt >= tellEveryMs
    if (text === this.told && !isRepeat) return
    this.told = text
    this.toldAt = now
    this.tell(findings)
  }

  private find(now: number): Finding[] {
    const findings: Finding[] = []
    for (const upstream of this.parts.upstreams()) {
      if (!upstream.hasFailed) continue
      const circuit = upstream.circuit?.stateAt(now) ?? ''
      const leftOut = [...upstream.endpoints.byId.values()].filter(({ leftOutUntil }) => leftOutUntil > now).map(({ id }) => id)
      const isCalm = leftOut.length === 0 && (circuit === '' || circuit === 'closed')
      if (isCalm) upstream.hasFailed = false
      else if (findings.length < maxUpstreams) findings.push({ upstream: upstream.name, circuit, leftOut: leftOut.slice(0, maxLeftOut) })
    }
    return findings
  }

  private tell(findings: Finding[]): void {
    const { bus, scope, edge, zone, worker } = this.parts
    announce(bus, subjects.upstreamReport(scope), UpstreamReportSchema, { scope, edge, zone, worker, findings })
  }
}
