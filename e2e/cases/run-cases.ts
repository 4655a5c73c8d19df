import type { TestContext } from 'node:test'
import type { System } from '../modes/system.ts'
import { cases } from './index.ts'

const caseTimeoutMs = 60_000

/** Runs the cases that this system's mode can have, one after another; one that fails stops no other. */
export async function runCases(system: System, t: TestContext): Promise<void> {
  for (const { name, modes, run } of cases) {
    if (modes?.includes(system.mode) === false) continue
    await t.test(name, { timeout: caseTimeoutMs }, (inner) => run(system, inner))
  }
}
