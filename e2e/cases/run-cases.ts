import { writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
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
  for (const { name, modes, run } of some) {
    if (modes?.includes(system.mode) === false || !wanted.test(name)) continue
    await t.test(name, { timeout: caseTimeoutMs }, (inner) => run(system, inner))
  }
  if (logFile !== undefined) writeFileSync(logFile, system.logs())
}
