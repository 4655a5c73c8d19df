/** What the contract suites of counters stand on. */
import assert from 'node:assert/strict'
import type { Counters } from './counter.ts'

export interface CountersHarness {
  /** Counters that are ready; each call gives another instance on the same counts, where there can be several. */
  open(): Promise<Counters>
  /** Lets time pass for the counts. */
  pass(ms: number): void | Promise<void>
  /** How far durations may be off, because real time passes between two calls. */
  toleranceMs: number
  /** Sequences tried against the reference. */
  runs: number
}

/** Two instances on the same counts. */
export type Opened = () => { counters: Counters; peer: Counters }

/** Durations that differ by no more than the tolerance. */
export function assertNear(actual: number, expected: number, toleranceMs: number): void {
  assert.ok(Math.abs(actual - expected) <= toleranceMs + 0.01, `${actual} is not ${expected} ± ${toleranceMs}`)
}
