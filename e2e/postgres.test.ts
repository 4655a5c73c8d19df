import { test } from 'node:test'
import { missingServer, startPostgres } from '@sluice/testkit'
import { apiKeys } from './cases/api-keys.ts'
import { commandLine } from './cases/command-line.ts'
import { configWrites } from './cases/config-writes.ts'
import { durability } from './cases/durability.ts'
import { manyAdmins } from './cases/many-admins.ts'
import { receipts } from './cases/receipts.ts'
import { runCases } from './cases/run-cases.ts'
import { secrets } from './cases/secrets.ts'
import { storeLoss } from './cases/store-loss.ts'
import { storeMove } from './cases/store-move.ts'
import { storeOutage } from './cases/store-outage.ts'
import { startDistributed } from './modes/distributed.ts'

test('distributed mode with PostgreSQL', { skip: missingServer('postgres') }, async (t) => {
  const server = await startPostgres()
  t.after(() => server.stop())
  const system = await startDistributed(t, { kind: 'postgres', address: `127.0.0.1:${server.port}` })
  await runCases(system, t, [apiKeys, configWrites, commandLine, durability, receipts, storeOutage(server), manyAdmins(server), storeMove, secrets, storeLoss(server)])
})
