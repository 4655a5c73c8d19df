/**
 * `node loadtest/writes-at-size.ts`: what a write costs control beside `--counts` [1,10000,100000] routes, in ms of CPU of
 * the process: checked, made a revision and stored (embedded store), without the admin API around it.
 */
import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { availableParallelism, cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openConfigStore } from '../extensions/config-stores/index.ts'
import { systemClock } from '../packages/service-kit/src/index.ts'
import { putOne, replaceConfig } from '../services/control/src/revisions/changes.ts'
import { RevisionLine } from '../services/control/src/revisions/revision-line.ts'
import { SecretSources } from '../services/control/src/secret-sources/secret-sources.ts'
import { validateConfig } from '../services/control/src/validation/index.ts'
import { manyRoutes } from './propagation/many-routes.ts'

const { values } = parseArgs({ options: { counts: { type: 'string', default: '1,10000,100000' }, only: { type: 'string' } } })
const changes = 100
const scope = 'default'

async function main(): Promise<void> {
  console.log(`${cpus()[0]?.model ?? 'unknown processor'}, ${availableParallelism()} cores; Node ${process.version}; ms of CPU\n`)
  console.log('| routes | the whole, first | one route, first | one route, mean of 100 | bytes stored for each | one route that is refused | the whole again |')
  console.log('| ---: | ---: | ---: | ---: | ---: | ---: | ---: |')
  for (const count of values.counts.split(',')) {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), '--only', count], { stdio: ['ignore', 'inherit', 'inherit'] })
    await new Promise((resolve) => child.once('exit', resolve))
  }
}

async function measure(count: number): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-writes-'))
  const store = await openConfigStore('embedded', { directory })
  const line = new RevisionLine({ store, scope, clock: systemClock, onCommitted: () => {} })
  const checking = { validate: validateConfig, sources: new SecretSources({ environment: {}, sealing: undefined }), baseDirectory: directory, otherDirectories: [] }
  const about = { author: 'bench', note: '' }
  const config = manyRoutes(count)
  const putAll = () => line.commit(replaceConfig(checking, { version: 1, ...config }, { ...about, origin: 'api' }))
  const put = (index: number, further: object = {}) => {
    const route = config.routes[index % count]!
    return line.commit(putOne(checking, { ...about, kind: 'routes', name: route.name, create: false, body: { ...route, policies: [{ cors: { origins: [`https://${index}.example.com`] } }], ...further } }))
  }
  const whole = await cpuOf(putAll)
  const first = await cpuOf(() => put(0))
  const hundred = await cpuOf(async () => { for (let index = 1; index <= changes; index++) await put(index) })
  const bodies = await Promise.all(Array.from({ length: changes }, async (_, index) => (await store.read(scope, index + 3))!.body.length))
  const refused = await cpuOf(() => put(7, { upstream: 'nowhere' }).catch(() => undefined))
  const again = await cpuOf(putAll)
  const cells = [count, whole, first, hundred / changes, bodies.reduce((sum, one) => sum + one, 0) / changes, refused, again]
  console.log(`| ${cells.map((cell) => (cell < 10 ? cell.toFixed(1) : cell.toFixed(0))).join(' | ')} |`)
  await store.close()
  rmSync(directory, { recursive: true, force: true })
}

async function cpuOf(work: () => Promise<unknown>): Promise<number> {
  const before = process.cpuUsage()
  await work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1000
}

if (values.only === undefined) await main()
else await measure(Number(values.only))
