import { fetchOnce, waitUntil } from '@sluice/testkit'
import type { MatrixSystem } from '../matrix-system.ts'
import { cpuSecondsOf } from '../../modes/cpu-time.ts'
import type { Row, RowContext } from '../row.ts'

const manyRoutes = 10_000

/** Whether control says that it has no bus. */
const busIsAway = async (matrix: MatrixSystem) => {
  const { status, body } = await fetchOnce(`${matrix.zoned.service('control').metricsUrl}/readyz`)
  return status === 503 && /bus/.test(body)
}

async function killNats(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { nats } = matrix.zoned
  const before = await context.quietSpan()
  context.after(() => startAll(matrix))
  const from = performance.now()
  await Promise.all(nats.map((server) => server.kill()))
  const statusOf = async (token: string) => (await fetchOnce(`${matrix.system.edges[1]!.url}/token/of/this`, { headers: { authorization: `Bearer ${token}` } })).status
  context.check((await statusOf(matrix.token({ jti: 'while away' }))) === 200, 'a token that was never seen is verified')
  const { status } = await matrix.change('without nats')
  context.check(status === 200, `a change is taken (${status})`)
  const ms = await matrix.reaches('without nats', 60_000)
  context.check(ms <= 35_000, `a new revision by HTTP on all edges after ${ms} ms`)
  await context.hold(1)
  context.clean(before, load.between(from, performance.now()))
  const back = performance.now()
  await startAll(matrix)
  await matrix.zoned.settled()
  context.note(`everything ready ${((performance.now() - back) / 1000).toFixed(1)} s after NATS`)
}

/** Starts those servers that were killed. */
async function startAll(matrix: MatrixSystem): Promise<void> {
  for (const server of matrix.zoned.nats) if (!(await server.isThere())) await server.start()
}

async function stopNats(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const { nats } = matrix.zoned
  const before = await context.quietSpan()
  context.after(async () => {
    for (const server of nats) server.goOn()
    await startAll(matrix)
  })
  const from = performance.now()
  for (const server of nats) server.pause()
  await waitUntil(() => busIsAway(matrix), { timeoutMs: 30_000, everyMs: 20, what: 'control to notice' })
  const noticed = Math.round(performance.now() - from)
  context.check(noticed <= 7000, `noticed after ${noticed} ms`)
  await context.hold(1)
  context.clean(before, load.between(from, performance.now()))
  for (const server of nats) server.goOn()
  context.note(`settled ${await matrix.zoned.settled()} ms after it went on`)
  for (const server of nats) {
    await server.kill()
    server.forget()
  }
  const erased = performance.now()
  await startAll(matrix)
  await matrix.zoned.settled()
  const { status } = await matrix.change('after the data', '?wait=all&timeoutMs=10000')
  context.check(status === 200, `with its data directory deleted: settled after ${Math.round(performance.now() - erased)} ms, a change acknowledged by all (${status}); nothing of Sluice lies in NATS`)
  context.clean(before, load.between(erased, performance.now()))
}

async function bootAlone(context: RowContext): Promise<void> {
  const { matrix } = context
  const { zoned } = matrix
  const many = Array.from({ length: manyRoutes }, (_, index) => ({ name: `many-${index}`, match: { path: `/many/${index}` }, policies: [{ 'fixed-response': { body: `route ${index}` } }] }))
  await matrix.system.apply(matrix.config({ routes: many }))
  context.after(async () => {
    await zoned.redis.start().catch(() => {})
    await startAll(matrix)
    for (const service of zoned.services) if (!service.isRunning) await service.start()
    for (const { process } of matrix.system.edges) if (!process.isRunning) await process.start()
    await zoned.settled()
    const { status, body } = await matrix.system.admin('PUT', '/v1/config?wait=all&force=true&timeoutMs=20000', matrix.system.complete(matrix.config()))
    if (status !== 200) throw new Error(body)
  })
  const edge = zoned.edge('edge-b')
  await edge.process.kill()
  await Promise.all([...zoned.services.map((service) => service.kill()), ...zoned.nats.map((server) => server.kill()), zoned.redis.kill()])
  const began = performance.now()
  await edge.process.start()
  const ms = Math.round(performance.now() - began)
  const cpu = cpuSecondsOf([edge.process.pid, ...(await edge.workerPids())])
  context.check(ms <= 3000, `ready ${ms} ms after its start, with ${manyRoutes} routes, ${cpu.toFixed(1)} s of CPU`)
  const { body } = await fetchOnce(`${edge.url}/many/9999`)
  context.check(body === 'route 9999', 'it serves the last revision')
}

export const busRows: readonly Row[] = [
  { id: 'nats-killed', fault: 'NATS cluster SIGKILL', expectation: 'clean; new tokens verified; a new revision by HTTP within 35 s', run: killNats },
  { id: 'nats-stopped', fault: 'NATS SIGSTOP 60 s; then its data directory deleted', expectation: 'clean; noticed within 7 s; nothing missing afterwards', run: stopNats },
  { id: 'edge-boots-alone', fault: 'an edge boots with NATS, Redis and all services down, 10,000 routes', expectation: 'ready within 3 s, serving the last revision', run: bootAlone },
  { id: 'edge-boots-alone-100k', fault: 'the same at 100,000 routes', expectation: 'ready within 10 s', tests: [{ file: 'services/edge/test/many-routes.test.ts' }] },
]
