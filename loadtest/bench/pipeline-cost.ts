/**
 * What the walk of one request costs without any socket: `node loadtest/bench/pipeline-cost.ts`. A client and an
 * upstream that only call back; the head is parsed from text each time, as the engine does. Prints µs of CPU a request.
 * `--workload W2`: with a token, a limit for its consumer and an access log, as in the bench. `--requests N` [300000].
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { balancers } from '@sluice/balancers'
import { parseRequestHead, parseResponseHead } from '@sluice/http'
import { catalogue } from '@sluice/policies'
import { createLogger, MetricsRegistry, systemClock } from '@sluice/service-kit'
import { UpstreamRegistry } from '../../services/edge/src/balancer/upstream-registry.ts'
import { entitiesOf, lineOf } from '../../proto/config/index.ts'
import { SnapshotCompiler } from '../../services/edge/src/compile-snapshot.ts'
import { createFinishedRecord } from '../../services/edge/src/finished-record.ts'
import type { ClientSide } from '../../services/edge/src/listener/client-side.ts'
import { Pipeline } from '../../services/edge/src/pipeline.ts'
import { loadPolicies } from '../../services/edge/src/policy-chain/compile-chain.ts'
import { newRequestId } from '../../services/edge/src/telemetry/request-id.ts'
import { createTelemetry } from '../../services/edge/src/telemetry/telemetry.ts'
import { Deadlines } from '../../services/edge/src/upstream/deadlines.ts'
import { Tunnels } from '../../services/edge/src/upgrade/tunnels.ts'
import type { PoolSet } from '../../services/edge/src/upstream/pool-set.ts'
import type { Attempt, AttemptHandler, AttemptRequest } from '../../services/edge/src/upstream/upstream-client.ts'
import { policyParts } from './policy-parts.ts'

const { values } = parseArgs({ options: { requests: { type: 'string', default: '300000' }, workload: { type: 'string', default: 'W1' } } })
if (values.workload !== 'W1' && values.workload !== 'W2') throw new Error(`--workload is "W1" or "W2", not "${values.workload}"`)
const requests = Number(values.requests)
const directory = mkdtempSync(join(tmpdir(), 'sluice-cost-'))
const parts = values.workload === 'W2' ? await policyParts(directory) : undefined
const otherFields = '\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nAccept-Encoding: gzip, br\r\nCookie: a=1; b=2\r\n'
const requestBytes = (parts?.authorizations ?? ['']).map((value) => Buffer.from(`GET /bench?x=1 HTTP/1.1\r\nHost: 127.0.0.1:19000${otherFields}${value === '' ? '' : `Authorization: ${value}\r\n`}\r\n`))
const responseText = 'HTTP/1.1 200 OK\r\nServer: nginx\r\nDate: Sun, 22 Nov 2026 00:00:00 GMT\r\nContent-Type: application/json\r\nContent-Length: 256\r\nConnection: keep-alive\r\n\r\n'
const body = Buffer.alloc(256, 'x')
const idle: Attempt = { pause: () => undefined, resume: () => undefined, abort: () => undefined }

const pools = {
  poolFor: () => ({
    send(_request: AttemptRequest, handler: AttemptHandler): Attempt {
      queued.push(handler)
      return idle
    },
  }),
} as unknown as PoolSet
const queued: AttemptHandler[] = []

function answerAll(): void {
  for (const handler of queued.splice(0)) {
    const head = parseResponseHead(responseText, 0, responseText.length, 'GET')!
    handler.onHead(head.status, head.fields.flat)
    handler.onData(body)
    handler.onEnd()
  }
}

let sent = 0
let asked = 0
function client(): ClientSide {
  const requestText = requestBytes[asked++ % requestBytes.length]!.toString('latin1')
  const head = parseRequestHead(requestText, 0, requestText.length)
  if (typeof head === 'string') throw new Error(head)
  return {
    method: head.method, target: head.target, fields: head.fields.flat, httpVersion: '1.1', peerAddress: '127.0.0.1', localPort: 19000, encrypted: false, upgrade: undefined, isGrpc: false, acceptsTrailers: false,
    declaredBytes: 0, isGone: false, watcher: undefined, body: () => { throw new Error('none') },
    sendHead: (status: number, fields: string[]) => { sent += status + fields.length }, send: () => true, end: () => undefined, switchProtocols: () => { throw new Error('none') }, closeAfterwards: () => undefined, destroy: () => undefined,
  }
}

const logger = createLogger('bench', { level: 'silent' })
const registry = new UpstreamRegistry(new Map(await Promise.all(balancers.map(async (entry) => [entry.name, await entry.load()] as const))))
const document = { version: 1 as const, upstreams: { up: { endpoints: [{ url: 'http://127.0.0.1:19080' }] } }, routes: [{ name: 'bench', match: { path: '/bench' }, upstream: 'up', policies: (parts?.policies ?? []) as never }] }
const compiler = new SnapshotCompiler({ policies: await loadPolicies(catalogue.map((entry) => entry.name)), upstreams: registry, policyParts: { clock: systemClock, logger, identity: parts?.identity ?? ({} as never), quota: parts?.quota ?? ({} as never) } })
await compiler.receive(entitiesOf(document).map(([key, value]) => lineOf(key, value)))
const snapshot = compiler.adopt(await compiler.prepare({ revision: 1, digest: '' }))
registry.adopt(snapshot.upstreams, snapshot.upstreamSettings)
const telemetry = createTelemetry({ metrics: new MetricsRegistry(), clock: systemClock, exporter: parts?.exporter, eventsPerSecond: 200, onUsage: () => undefined })
const finished = createFinishedRecord()
const deadlines = new Deadlines(() => systemClock.monotonic())
const pipeline = new Pipeline({
  snapshot: () => snapshot, pools, mirrors: {} as never, cache: {} as never, hedges: {} as never, tunnels: new Tunnels(() => systemClock.monotonic()), deadlines, clock: systemClock, logger, requestId: newRequestId,
  record: (exchange, endedAt) => telemetry.record(finished.fill(exchange, endedAt)),
})

/** A turn of the event loop for each 64: chunks of a limit and lines of the log go and come meanwhile, as in a worker. */
async function run(count: number): Promise<number> {
  const before = process.cpuUsage()
  for (let done = 0; done < count; done += 64) {
    for (let lane = 0; lane < 64; lane++) pipeline.begin(client())
    answerAll()
    if (parts !== undefined) await new Promise((next) => setImmediate(next))
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / count
}

await run(100_000)
const rounds: number[] = []
while (rounds.length < 30) rounds.push(await run(requests / 10))
rounds.sort((a, b) => a - b)
console.log(`${rounds[0]!.toFixed(2)} µs a request in the best of ${rounds.length} rounds, ${rounds[rounds.length >> 1]!.toFixed(2)} in the middle`)
await telemetry.stop()
await parts?.stop()
rmSync(directory, { recursive: true })
if (sent === 0) throw new Error('nothing was answered')
