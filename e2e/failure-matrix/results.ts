// What was measured, kept after each row so that a run that was cut short goes on where it was; and the page that is made of it.
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { ratePerSecond } from './matrix-system.ts'
import type { Row, RowResult } from './row.ts'

const repository = join(import.meta.dirname, '../..')
const kept = join(repository, '.cache/failure-matrix.json')
const page = join(repository, 'docs/failure-matrix.md')

export type Results = Readonly<Record<string, RowResult>>

export function readResults(): Results {
  try {
    return JSON.parse(readFileSync(kept, 'utf8')) as Results
  } catch {
    return {}
  }
}

export function keepResult(row: Row, result: RowResult): void {
  write(kept, JSON.stringify({ ...readResults(), [row.id]: result }, undefined, 1))
}

export function forgetResults(): void {
  write(kept, '{}')
}

/** The rows that a run still has to take: those of `pattern`, without those that passed; all of them once nothing is left. */
export function rowsToRun(rows: readonly Row[], pattern: string | undefined): readonly Row[] {
  if (pattern !== undefined) return rows.filter(({ id }) => new RegExp(pattern).test(id))
  const results = readResults()
  const left = rows.filter(({ id }) => results[id]?.verdict !== 'pass' && results[id]?.verdict !== 'cannot run here')
  if (left.length > 0) return left
  forgetResults()
  return rows
}

export function writePage(rows: readonly Row[]): void {
  const results = readResults()
  const lines = rows.map((row) => lineOf(row, results[row.id]))
  const count = (verdict: string | undefined) => rows.filter(({ id }) => results[id]?.verdict === verdict).length
  write(page, `# The failure matrix

Written by \`npm run test:long -- e2e/failure-matrix\`: each row breaks something in a running system and says what was measured. How it is built:
[e2e](../e2e/README.md). What the gateway does in each case, and why: [failure behaviour](failure-behaviour.md).

Three zones in network namespaces of one machine, four edges, ${ratePerSecond} requests a second at a steady rate over routes without a policy, with tokens, with an API key and with an
exact limit; upstreams outside of the zones. *Clean* is: no 5xx and no lost answer, no answer of another route, a p99 within twice of before (or under
150 ms: the ${availableParallelism()} cores carry clients, upstreams, all zones and whatever else the machine does). A fault that the design holds for minutes is held for a
part of them, as the row says (\`SLUICE_MATRIX_SHARE=1\` holds it for all).

Behind a verdict: the commit, and the load of the machine in the last minute (runnable processes, of which ${availableParallelism()} at a time run). Times are as the clock went: twice the cores' load makes them twice as long.

**${count('pass')} pass, ${count('fail')} fail, ${count('cannot run here')} cannot run here, ${count(undefined)} not run.** What failed is in bold.

| fault | must hold | measured | verdict |
|---|---|---|---|
${lines.join('\n')}
`)
}

function lineOf({ fault, expectation }: Row, result: RowResult | undefined): string {
  const of = result?.load === undefined ? '' : ` (${result.commit}, load ${result.load})`
  const cells = [fault, expectation, result === undefined ? '–' : result.measured.join('; '), result === undefined ? 'not run' : `${result.verdict}${of}`]
  return `| ${cells.map((cell) => cell.replaceAll('|', '\\|').replaceAll('\n', ' ')).join(' | ')} |`
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true })
  writeFileSync(`${file}.tmp`, text)
  renameSync(`${file}.tmp`, file)
}
