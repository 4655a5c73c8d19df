import { test } from 'node:test'
import { runCases } from './cases/run-cases.ts'
import { startEmbedded } from './modes/embedded.ts'

test('embedded mode', async (t) => {
  await runCases(await startEmbedded(t), t)
})
