/** An edge with real workers on a local bus, given its configuration as control would. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { type ConfigRevision, ConfigServing } from '@sluice/buses/config-feed'
import { answer } from '@sluice/buses/rpc'
import { countersNamed } from '@sluice/counters'
import type { Counters } from '@sluice/counters/counter'
import { entitiesOf, type RevisionDocumentInput, SegmentedConfig } from '@sluice/proto/config'
import { UsageBatchReplySchema, UsageBatchSchema, type UsageBatch } from '@sluice/proto/messages/analytics'
import { EdgeReportReplySchema, EdgeReportSchema, type EdgeReport } from '@sluice/proto/messages/control'
import { subjects } from '@sluice/proto/subjects'
import { createLogger, MetricsRegistry, systemClock } from '@sluice/service-kit'
import { freePort, waitUntil, type Cleanup } from '@sluice/testkit'
import { createEdge, type Edge } from '../src/service.ts'

export interface EdgeUnderTest {
  readonly edge: Edge
  readonly bus: Bus
  readonly url: string
  readonly port: number
  readonly directory: string
  readonly reports: EdgeReport[]
  readonly batches: UsageBatch[]
  /** Publishes a document and resolves once the edge reports it, or a newer one, in force (or refused). */
  apply(document: Partial<RevisionDocumentInput>, options?: { forcedRevision?: number; timeoutMs?: number }): Promise<EdgeReport>
  readonly log: string[]
}

const scope = 'default'

export async function startEdge(t: Cleanup, document: Partial<RevisionDocumentInput> | undefined, options: { workers?: number; directory?: string; port?: number; engine?: 'node' | 'own'; shedLagMs?: number; reusePort?: boolean; dnsServers?: readonly string[]; zone?: string; datacenter?: string; counters?: Counters } = {}): Promise<EdgeUnderTest> {
  const { createLocalBus } = await busNamed('local').load()
  const bus = createLocalBus()
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'sluice-edge-')))
  const port = options.port ?? (await freePort())
  const log: string[] = []
  const logger = createLogger('edge', { level: 'debug', destination: { write: (line) => void log.push(line) } })
  const reports: EdgeReport[] = []
  let head: ConfigRevision | undefined
  const serving = new ConfigServing({ scope, head: async () => head, recent: () => undefined })
  serving.listen(bus, { queue: 'control' })
  answer(bus, subjects.edgeReports(scope), { request: EdgeReportSchema, reply: EdgeReportReplySchema }, (report) => {
    reports.push(report)
    return { accepted: true, headRevision: head?.revision ?? 0, headDigest: head?.config.digest ?? '' }
  })
  const batches: UsageBatch[] = []
  answer(bus, subjects.usageBatch(scope), { request: UsageBatchSchema, reply: UsageBatchReplySchema }, (batch) => {
    batches.push(batch)
    return { storedSequence: batch.sequence }
  })
  const { createMemoryCounters } = await countersNamed('memory').load()
  const edge = createEdge({
    bus, scope, logger, clock: systemClock, metrics: new MetricsRegistry(), name: 'edge-1', zone: options.zone ?? '', datacenter: options.datacenter ?? '',
    workers: options.workers ?? 1, dataDirectory: directory, baseDirectory: directory, counting: { counters: options.counters ?? createMemoryCounters() }, engine: options.engine ?? 'own', 
    // How busy the machine is must not decide what is answered.
    shedLagMs: options.shedLagMs ?? 0, reusePort: options.reusePort ?? false, ...(options.dnsServers === undefined ? {} : { dnsServers: options.dnsServers }),
  })
  t.after(async () => {
    await edge.stop({ deadlineMs: 500 })
    await bus.drain(100)
    if (options.directory === undefined) await rm(directory, { recursive: true, force: true })
  })
  const apply = async (next: Partial<RevisionDocumentInput>, { forcedRevision = 0, timeoutMs = 20_000 }: { forcedRevision?: number; timeoutMs?: number } = {}): Promise<EdgeReport> => {
    const before = head
    const config = SegmentedConfig.of(entitiesOf({ version: 1, listeners: { http: { address: `127.0.0.1:${port}` } }, ...next }))
    head = { revision: (before?.revision ?? 0) + 1, config, forcedRevision }
    const { revision } = head
    serving.announce(bus, head, before)
    return waitUntil(() => reports.findLast((report) => report.revision >= revision || report.refusal?.revision === revision), { timeoutMs, what: `a report on revision ${revision}` })
  }
  await edge.start()
  if (document !== undefined) {
    const report = await apply(document)
    if (report.refusal !== undefined) throw new Error(`refused: ${report.refusal.detail}`)
    await edge.serving()
  }
  return { edge, bus, url: `http://127.0.0.1:${port}`, port, directory, reports, batches, apply, log }
}
