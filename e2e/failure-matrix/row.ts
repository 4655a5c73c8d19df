// One row of the failure matrix: a fault, what must hold while it lasts and after it, and what was measured.
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Cleanup } from '@sluice/testkit'
import type { OpenLoad, Span } from '../actors/open-load.ts'
import type { MatrixSystem } from './matrix-system.ts'

export interface Row {
  /** Its name in the results, and in `SLUICE_MATRIX_ROWS`. */
  readonly id: string
  readonly fault: string
  readonly expectation: string
  /** Why this machine cannot run it; undefined when it can. */
  readonly cannot?: () => string | undefined
  /** Runs on the three zones. */
  readonly run?: (context: RowContext) => Promise<void>
  /** Test files of the repository that are this row; `cases` are those of a list of cases, by pattern. */
  readonly tests?: readonly { readonly file: string; readonly cases?: string }[]
}

export interface RowResult {
  readonly verdict: 'pass' | 'fail' | 'cannot run here'
  readonly measured: readonly string[]
  readonly seconds: number
  readonly commit: string
  /** The machine's, over the last minute of the row: what else ran beside it. */
  readonly load?: number
}

/** For how much of the time that the design names a fault is held: minutes are minutes only in a full run. */
export const share = Number(process.env.SLUICE_MATRIX_SHARE ?? '0.1')
const leastHoldSeconds = 20
/** On a machine whose two cores carry everything a p99 is its scheduler's below this. */
const noiseMs = 150

export class RowContext {
  readonly matrix: MatrixSystem
  readonly load: OpenLoad
  readonly measured: string[] = []
  readonly failures: string[] = []
  readonly #t: Cleanup

  constructor(t: Cleanup, matrix: MatrixSystem, load: OpenLoad) {
    this.#t = t
    this.matrix = matrix
    this.load = load
  }

  /** Cleared up when the row ends, however it ends; what was asked for last comes first, and a process ends at its start's turn. */
  after(mend: () => void | Promise<void>): void {
    this.#t.after(mend)
  }

  get t(): Cleanup {
    return this.#t
  }

  /** Something that was found, whatever it means. */
  note(text: string): void {
    this.measured.push(text)
  }

  /** Something that has to be so. */
  check(isSo: boolean, text: string): void {
    this.measured.push(isSo ? text : `**${text}**`)
    if (!isSo) this.failures.push(text)
  }

  /** Holds the fault for `minutes` of the design, or the share of them that is run. */
  async hold(minutes: number): Promise<void> {
    const seconds = Math.round(Math.max(leastHoldSeconds, minutes * 60 * share))
    this.note(`held for ${seconds} s`)
    await sleep(seconds * 1000)
  }

  /** The traffic of the next seconds, for comparison. */
  async quietSpan(seconds = 5): Promise<Span> {
    const from = performance.now()
    await sleep(seconds * 1000)
    return this.load.between(from, performance.now())
  }

  /** No answer of 5xx or none, none of another route, and a p99 within twice of before. `except` matches faults that the row expects. */
  clean(before: Span, during: Span, { except = /^$/ }: { except?: RegExp } = {}): void {
    const faults = [...during.faults].filter(([fault]) => !except.test(fault))
    const expected = [...during.faults].filter(([fault]) => except.test(fault))
    const count = faults.reduce((sum, [, often]) => sum + often, 0)
    this.check(count === 0 && during.requests > 0, `${during.requests} requests, ${count} failed${faults.map(([fault, often]) => ` (${often} × ${fault})`).join('')}`)
    if (expected.length > 0) this.note(`as the policy says: ${expected.map(([fault, often]) => `${often} × ${fault}`).join(', ')}`)
    if (during.wrong > 0) this.check(false, `${during.wrong} answers of another route`)
    this.check(during.p99 <= Math.max(2 * before.p99, noiseMs), `p99 ${Math.round(before.p99)} → ${Math.round(during.p99)} ms`)
  }
}

/** What is checked out, so that a result says what it is of. */
export function commitHere(): string {
  return spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8', cwd: import.meta.dirname }).stdout.trim()
}
