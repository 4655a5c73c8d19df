import { connect, type Socket } from 'node:net'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { readMetrics, sum } from '../../actors/metrics.ts'
import type { Row, RowContext } from '../row.ts'

const limit = 40
const slowMs = 200

const limited = (name: string, failure: string) => ({ name, match: { path: `/${name}` }, policies: [{ 'rate-limit': { limit, windowSeconds: 36_000, key: 'route', mode: 'exact', algorithm: 'fixed-window', failure } }, { 'fixed-response': { body: name } }] })

async function redisFaults(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { redis } = matrix.zoned
  await matrix.system.apply(matrix.config({ routes: [limited('counted', 'closed'), limited('counted-open', 'open')] }))
  context.after(async () => {
    if (!(await redis.isThere())) await redis.start()
    await matrix.system.apply(matrix.config())
  })
  const before = await context.quietSpan()
  await slowly(context)
  const from = performance.now()
  await redis.kill()
  const ask = async (path: string) => {
    const began = performance.now()
    const { status } = await fetchOnce(`${matrix.zoned.edge('edge-c').url}/${path}`)
    return { status, ms: performance.now() - began }
  }
  await ask('counted')
  const [open, closed] = [await ask('counted-open'), await ask('counted')]
  context.check(open.status === 200 && closed.status === 503, `killed: open ${open.status}, closed ${closed.status}, in ${Math.round(Math.max(open.ms, closed.ms))} ms`)
  await context.hold(1)
  context.clean(before, load.between(from, performance.now()))
  await redis.start()
  await matrix.zoned.settled()
  await flushed(context)
}

/** How many of `count` requests over all edges are admitted. */
async function admitted(context: RowContext, count: number): Promise<number> {
  const { edges } = context.matrix.system
  let sum = 0
  for (let index = 0; index < count; index++) if ((await fetchOnce(`${edges[index % edges.length]!.url}/counted`)).status === 200) sum++
  return sum
}

async function flushed(context: RowContext): Promise<void> {
  const counts = (url: string) => fetchOnce(`${url}/counted`).then(({ status }) => status !== 503)
  for (const { name, url } of context.matrix.system.edges) await waitUntil(() => counts(url), { timeoutMs: 20_000, everyMs: 50, what: `${name} to count in Redis again` })
  const first = await admitted(context, limit / 2)
  await tell(context, 'FLUSHALL\r\n')
  const second = await admitted(context, 2 * limit)
  context.check(second > limit / 2 && second <= limit, `flushed after ${first} of ${limit}: ${second} more admitted`)
}

/** Each command waits until a pause of `slowMs` is over, one pause after the other. */
async function slowly(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const before = await context.quietSpan()
  const socket = await toRedis(context)
  const timer = setInterval(() => socket.write(`CLIENT PAUSE ${slowMs} ALL\r\n`), slowMs / 2)
  context.after(() => clearInterval(timer))
  const from = performance.now()
  const degradedBefore = await degraded(context)
  await context.quietSpan(20)
  clearInterval(timer)
  const during = load.between(from, performance.now())
  const without = (await degraded(context)) - degradedBefore
  context.check(without > 0, `${without} decisions made without it`)
  context.note(`${slowMs} ms slow: p50 ${during.p50.toFixed(1)} ms (${before.p50.toFixed(1)} before)`)
  context.clean(before, during)
  socket.destroy()
  await matrix.zoned.settled()
}

/** Decisions that did not wait for the shared count, so far. */
async function degraded({ matrix }: RowContext): Promise<number> {
  const samples = await Promise.all(matrix.system.edges.map((edge) => readMetrics(edge.metricsUrl)))
  return sum(samples.flat(), 'sluice_limit_degraded_total')
}

async function tell(context: RowContext, command: string): Promise<void> {
  const socket = await toRedis(context)
  await new Promise<void>((resolve) => {
    socket.once('data', () => resolve())
    socket.write(command)
  })
  socket.destroy()
}

async function toRedis({ matrix }: RowContext): Promise<Socket> {
  const socket = connect(6379, matrix.zoned.zones.a.clientAddress)
  socket.on('error', () => {})
  await new Promise<void>((resolve, reject) => socket.once('connect', () => resolve()).once('error', reject))
  return socket
}

export const counterRows: readonly Row[] = [
  { id: 'redis', fault: 'Redis SIGKILL / 200 ms slow / flushed', expectation: 'clean; exact limits follow their policy; flush: no more than a whole limit again', run: redisFaults },
  { id: 'skewed-edges', fault: '16 skewed edges, one key', expectation: 'as predicted within a percentage point; 0 over where counted together', tests: [{ file: 'loadtest/limits/measured-limit.long.ts' }] },
]
