import { writeFileSync } from 'node:fs'
import assert from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { fetchOnce } from '@sluice/testkit'
import { filesBelow, findSecrets, type Written } from '../actors/secret-search.ts'
import { configuredSecrets, usedSecrets } from '../actors/used-secrets.ts'
import type { System } from '../modes/system.ts'
import type { Case } from './case.ts'
import { cases } from './index.ts'

const caseTimeoutMs = 120_000

/**
 * Runs those of the cases, or of `some`, that this system's mode can have, one after another; one that fails stops no other. For whoever works on
 * one: `SLUICE_TEST_CASES` (a pattern over names) leaves the others out, `SLUICE_TEST_LOGS` names a file for what the
 * processes have printed.
 */
export async function runCases(system: System, t: TestContext, some: readonly Case[] = cases): Promise<void> {
  const { SLUICE_TEST_CASES: pattern = '', SLUICE_TEST_LOGS: logFile } = process.env
  const wanted = new RegExp(pattern)
  const scrapes: Written[] = []
  for (const { name, modes, run } of some) {
    if (modes?.includes(system.mode) === false || !wanted.test(name)) continue
    await t.test(name, { timeout: caseTimeoutMs }, (inner) => run(system, inner))
    scrapes.push(...(await scrape(system, name)))
  }
  await t.test('no secret that a case has used stands in anything that the system has written', () => checkWritten(system, scrapes))
  if (logFile !== undefined) writeFileSync(logFile, system.logs())
}

/** What is written into a configuration as it is lies with it: in the config store of control, and in the snapshots of edges. */
const whereConfigurationsLie = /(^|\/)(config\.sqlite(-wal|-shm)?|snapshots\/.+)$/

/** Files of all processes, what they have printed in all their lives, and their metrics after each case. */
function checkWritten(system: System, scrapes: readonly Written[]): void {
  const written = [...filesBelow(system.directory), { where: 'what the processes printed', bytes: Buffer.from(system.logs()) }, ...scrapes]
  const bytes = written.reduce((sum, one) => sum + one.bytes.length, 0)
  assert.ok(bytes > 10_000 && scrapes.some((one) => one.bytes.length > 1000), `there is something to search: ${bytes} bytes`)
  assert.deepEqual(findSecrets(written, new Set([...system.secrets, ...usedSecrets]), (where, secret) => configuredSecrets.has(secret) && whereConfigurationsLie.test(where)), [])
}

/** The metrics of every process that answers. */
async function scrape({ edges, services }: System, after: string): Promise<Written[]> {
  const urls = new Set([...edges, ...services.values()].map(({ metricsUrl }) => metricsUrl))
  const texts = await Promise.all([...urls].map((url) => fetchOnce(`${url}/metrics`, { timeoutMs: 2000 }).then(({ body }) => body, () => '')))
  return texts.map((text) => ({ where: `metrics after "${after}"`, bytes: Buffer.from(text) }))
}
