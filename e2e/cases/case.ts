import type { TestContext } from 'node:test'
import type { Mode, System } from '../modes/system.ts'

/** Something that holds for the whole system, in every mode unless it says which. */
export interface Case {
  readonly name: string
  /** Left out: every mode. */
  readonly modes?: readonly Mode[]
  run(system: System, t: TestContext): Promise<void>
}
