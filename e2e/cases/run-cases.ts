import type { TestContext } from 'node:test'
import type { System } from '../modes/system.ts'
import { cases } from './index.ts'

const caseTimeoutMs = 60_000

/**
 * Runs the cases that this system's mode can have, one after another; one that fails stops no other. While working on one,
 * `SLUICE_TEST_CASES` (a pattern over names) leaves the others out.
 */
export async function runCases(system: System, t: TestContext): Promise<void> {
  const wanted = new RegExp(process.env['SLUICE_TEST_CASES'] ?? '')
  for (const { name, modes, run } of cases) {
    if (modes?.includes(system.mode) === false || !wanted.test(name)) continue
    await t.test(name, { timeout: caseTimeoutMs }, (inner) => run(system, inner))
  }
}
