import type { Health } from './health-server.ts'

/** What every `create<Name>` returns. Nothing runs before `start`. */
export interface Service {
  start(): Promise<void>
  /** Drains: takes no more work, finishes what runs within `deadlineMs`, then lets go of everything. */
  stop(options: { deadlineMs: number }): Promise<void>
  health(): Health
}
