import { test } from 'node:test'
import { needServer } from '@sluice/testkit'
import { runCases } from './cases/run-cases.ts'
import { startDistributed } from './modes/distributed.ts'

test('distributed mode', async (t) => {
  const cassandra = needServer(t, 'cassandra')
  if (cassandra === undefined) return
  await runCases(await startDistributed(t, { kind: 'cassandra', address: cassandra }), t)
})
