import { existsSync, globSync } from 'node:fs'
import { join } from 'node:path'
import { fetchOnce, waitUntil } from '@sluice/testkit'
import { isReady } from '../../modes/sluice-process.ts'
import type { Row, RowContext } from '../row.ts'
import { leave } from './network.ts'

const limit = 30

/** libfaketime, as Debian puts it. */
const library = () => globSync('/usr/lib/*/faketime/libfaketime.so.1').find((file) => existsSync(file))
const shifted = (by: string) => ({ LD_PRELOAD: library() ?? '', FAKETIME: by, FAKETIME_DONT_FAKE_MONOTONIC: '1' })

/** An edge five minutes ahead, and control five minutes behind. */
async function shiftClocks(context: RowContext): Promise<void> {
  const { matrix } = context
  const { zoned, system } = matrix
  await system.apply(matrix.config({ routes: [{ name: 'windowed', match: { path: '/windowed' }, policies: [{ 'rate-limit': { limit, windowSeconds: 86_400, key: 'route', mode: 'exact', algorithm: 'fixed-window' } }, { 'fixed-response': {} }] }] }))
  const ahead = zoned.another(context.t, { name: 'edge-ahead', service: 'edge', zone: zoned.zones.b, metricsPort: 9140, env: { SLUICE_EDGE_NAME: 'edge-ahead', SLUICE_LISTEN_HTTP: '0.0.0.0:8020', ...shifted('+5m') } })
  const control = zoned.service('control')
  const behind = zoned.another(context.t, { name: 'control-behind', service: 'control', zone: zoned.zones.a, metricsPort: 9141, directory: join(system.directory, 'control'), env: shifted('-5m') })
  context.after(async () => {
    if (!control.isRunning) await control.start()
    await zoned.settled()
    await system.apply(matrix.config())
  })
  await control.stop()
  await behind.start()
  context.after(() => behind.stop())
  await ahead.start()
  context.after(() => leave(context, ahead))
  const url = `http://${zoned.zones.b.clientAddress}:8020`
  const before = (await system.admin('GET', '/v1/revisions?limit=1')).json<{ items: { revision: number; committedAt?: string }[] }>().items[0]!
  const receipts: { revision: number; propagationMs?: number }[] = []
  for (let round = 0; round < 5; round++) {
    const { status, body } = await matrix.change(`shifted ${round}`, '?wait=all&timeoutMs=20000')
    const receipt = JSON.parse(body) as (typeof receipts)[number] & { edges: { acknowledged: number; expected: number } }
    context.check(status === 200, `change ${round}: ${status}, ${receipt.edges.acknowledged} of ${receipt.edges.expected} edges in ${receipt.propagationMs} ms`)
    receipts.push(receipt)
  }
  context.check(receipts.every(({ propagationMs = -1 }) => propagationMs >= 0), 'no propagation below 0')
  context.check(receipts.every(({ revision }, index) => revision === before.revision + 1 + index), 'the log is one line')
  const token = await fetchOnce(`${url}/token/of/this`, { headers: { authorization: `Bearer ${matrix.token()}` } })
  context.check(token.status === 200, `a token of an hour there: ${token.status}`)
  const expiring = await fetchOnce(`${url}/token/of/this`, { headers: { authorization: `Bearer ${matrix.token({ exp: Math.floor(Date.now() / 1000) + 60 })}` } })
  context.check(expiring.status === 401, `a token that ends in a minute there: ${expiring.status}, for its clock is ahead`)
  let admitted = 0
  for (let index = 0; index < 2 * limit; index++) if ((await fetchOnce(`${index % 2 === 0 ? url : system.edges[0]!.url}/windowed`)).status === 200) admitted++
  context.check(admitted <= limit, `${admitted} of a limit of ${limit} admitted by it and another edge together`)
  await waitUntil(() => isReady(ahead.metricsUrl), { what: 'the edge to be ready' })
}

export const clockRows: readonly Row[] = [
  { id: 'clocks', fault: 'clock +5 min on one edge, −5 min on control', expectation: 'changes go on in one line, propagation never below 0; limits are counted once', cannot: () => (library() === undefined ? 'libfaketime is not there' : undefined), run: shiftClocks },
  { id: 'clocks-cassandra', fault: 'clock ± 5 min on one Cassandra node', expectation: 'the log contiguous', cannot: () => 'the JVM reads the clock past libfaketime; a container with a clock of its own is needed' },
]
