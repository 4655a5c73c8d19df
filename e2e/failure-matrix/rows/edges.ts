import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { cpuSecondsOf } from '../../modes/cpu-time.ts'
import type { Edge } from '../../modes/system.ts'
import type { Row, RowContext } from '../row.ts'

const damages = 12
/** What requests meet that a killed process was carrying, or that came while nobody listened. */
const cutConnections = /ECONNRESET|ECONNREFUSED|no whole answer/

async function damageDisk(context: RowContext): Promise<void> {
  const { matrix } = context
  const edge = matrix.zoned.edge('edge-b')
  const control = matrix.zoned.service('control')
  context.after(async () => {
    if (!control.isRunning) await control.start()
    if (!edge.process.isRunning) await edge.process.start()
  })
  const bodies = [(await fetchOnce(`${edge.url}/versioned`)).body, 'disk 1', 'disk 2', 'disk 3']
  for (const body of bodies.slice(1)) await matrix.change(body, '?wait=all')
  await edge.process.stop()
  await control.kill()
  const folder = join(matrix.system.directory, 'edge-b', 'snapshots')
  const files = readdirSync(folder).filter((file) => /\.(whole|changes)$/.test(file)).map((file) => join(folder, file))
  const sound = new Map(files.map((file) => [file, readFileSync(file)]))
  const served: string[] = []
  let [noticed, notNeeded] = [0, 0]
  for (let round = 0; round < damages; round++) {
    const file = files[round % files.length]!
    damage(file, round >= damages / 2)
    await edge.process.start()
    served.push((await fetchOnce(`${edge.url}/versioned`)).body)
    const isNoticed = /is damaged and is passed over|cannot be read/.test(edge.process.newestOutput())
    const other = await fetchOnce(`${edge.url}/open/of/this`)
    if (isNoticed) noticed++
    else notNeeded++
    if (other.body !== 'at /open/of/this') context.check(false, `round ${round}: ${other.status} of another route`)
    await edge.process.stop()
    for (const [path, content] of sound) writeFileSync(path, content)
  }
  context.check(served.every((body) => bodies.includes(body)), `${damages} starts, each with one of ${files.length} files damaged, half by a bit and half cut short: ${noticed} times noticed and the one before served, ${notNeeded} times in a file that was not needed`)
}

function damage(file: string, isCut: boolean): void {
  const bytes = readFileSync(file)
  const at = randomInt(statSync(file).size)
  if (isCut) return writeFileSync(file, bytes.subarray(0, at))
  bytes[at]! ^= 1 << randomInt(8)
  writeFileSync(file, bytes)
}

async function killWorker(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const edge = matrix.zoned.edge('edge-a')
  const others = ['edge-b', 'edge-c', 'edge-d']
  for (const [signal, withinMs] of [['SIGKILL', 2000], ['SIGSTOP', 12_000]] as const) {
    const before = await context.quietSpan()
    const pids = await edge.workerPids()
    const from = performance.now()
    process.kill(pids[0]!, signal)
    await waitUntil(async () => (await isReplaced(edge, pids)) && (await fetchOnce(`${edge.url}/open/of/this`, { timeoutMs: 1000 })).status === 200, { timeoutMs: 60_000, everyMs: 20, what: 'the worker to be replaced' })
    const ms = Math.round(performance.now() - from)
    context.check(ms <= withinMs, `${signal}: replaced and serving after ${ms} ms`)
    await context.quietSpan(2)
    const lost = [...load.between(from, performance.now(), [edge.name]).faults]
    context.note(`lost with it: ${lost.map(([fault, often]) => `${often} × ${fault}`).join(', ') || 'nothing'}`)
    context.clean(before, load.between(from, performance.now(), others))
  }
}

/** Whether there are as many as before, without the first of them. */
async function isReplaced(edge: Edge, before: readonly number[]): Promise<boolean> {
  const now = await edge.workerPids()
  return now.length === before.length && !now.includes(before[0]!)
}

async function killHostAgent(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const edge = matrix.zoned.edge('edge-c')
  context.after(async () => void (edge.process.isRunning || (await edge.process.start())))
  const before = await context.quietSpan()
  const workers = await edge.workerPids()
  const from = performance.now()
  await edge.process.kill()
  await waitUntil(() => workers.every((pid) => !isAlive(pid)), { timeoutMs: 10_000, what: 'its workers to end' })
  context.note(`its workers ended within ${Math.round(performance.now() - from)} ms`)
  const starting = performance.now()
  await edge.process.start()
  const ms = Math.round(performance.now() - starting)
  context.check(ms <= 3000, `serves from disk ${ms} ms after its start, ${cpuSecondsOf([edge.process.pid, ...(await edge.workerPids())]).toFixed(1)} s of CPU`)
  await matrix.zoned.settled()
  context.note(`acknowledged the head again ${Math.round(performance.now() - starting)} ms after its start`)
  context.clean(before, load.between(from, performance.now(), ['edge-a', 'edge-b', 'edge-d']))
  const lost = load.between(from, performance.now(), [edge.name])
  context.check([...lost.faults.keys()].every((fault) => cutConnections.test(fault)), `of that edge ${[...lost.faults.values()].reduce((sum, often) => sum + often, 0)} requests met no listener or a cut connection, none was answered wrongly`)
}

function isAlive(pid: number): boolean {
  try {
    return !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function poison(context: RowContext): Promise<void> {
  const { matrix, load } = context
  const many = Array.from({ length: 300 }, (_, index) => ({ name: `kept-${index}`, match: { path: `/kept/${index}` }, policies: [{ 'fixed-response': { body: 'kept' } }] }))
  await matrix.system.apply(matrix.config({ routes: many }))
  context.after(async () => void (await matrix.system.admin('PUT', '/v1/config?force=true&wait=all', matrix.system.complete(matrix.config()))))
  // Made beforehand: the clients run in this process, too.
  const tooLarge = Buffer.from(JSON.stringify(matrix.system.complete(matrix.config({ routes: [...many, { name: 'huge', match: { path: '/huge' }, policies: [{ 'fixed-response': { body: 'x'.repeat(80 * 1024 * 1024) } }] }] }))))
  const before = await context.quietSpan()
  const pids = await Promise.all(matrix.system.edges.map((edge) => edge.workerPids()))
  const from = performance.now()
  const put = (config: object) => matrix.system.admin('PUT', '/v1/config', matrix.system.complete(config))
  const half = await put(matrix.config({ routes: many.slice(0, 100) }))
  context.check(half.status === 409 && half.body.includes('config.shrinks'), `−${200} of ${many.length + 5} routes: ${half.status}`)
  const loops = await put(matrix.config({ routes: [...many, { name: 'loops', match: { pathRegex: '^(a+)+$' }, upstream: 'nowhere' }] }))
  context.check(loops.status === 400, `a route to nowhere: ${loops.status}`)
  const headers = { authorization: `Bearer ${matrix.system.adminToken}`, 'content-type': 'application/json' }
  const huge = await fetchOnce(`${matrix.system.adminUrl}/v1/config`, { method: 'PUT', headers, body: tooLarge, timeoutMs: 60_000 }).then(({ status }) => String(status), (error: NodeJS.ErrnoException) => `${error.code}: the connection was closed before all was read`)
  context.check(/^413|^EPIPE|^ECONNRESET/.test(huge), `80 MB of it: ${huge}`)
  const after = await Promise.all(matrix.system.edges.map((edge) => edge.workerPids()))
  context.check(JSON.stringify(pids) === JSON.stringify(after), 'no worker ended')
  context.clean(before, load.between(from, performance.now()))
}

export const edgeRows: readonly Row[] = [
  { id: 'disk-damaged', fault: 'disk copy cut short or a bit turned', expectation: 'the one before is served; never a damaged table', run: damageDisk },
  { id: 'poison-revision', fault: 'poison revision (huge, −50 % routes, refers to nothing)', expectation: 'refused, the old one serves, no worker ends', run: poison },
  { id: 'poison-worker', fault: 'a revision that workers cannot compile, or end by', expectation: 'refused by the edge with its place, or given up for the one before', tests: [{ file: 'services/edge/test/lifecycle.test.ts' }] },
  { id: 'worker-killed', fault: 'edge worker SIGKILL / SIGSTOP', expectation: 'only what it carried is lost; replaced within 2 s / 10 s', run: killWorker },
  { id: 'host-agent-killed', fault: 'host agent SIGKILL', expectation: 'its workers end; only that edge\'s requests are lost; serves from disk within 3 s of its start and acknowledges again', run: killHostAgent },
]
