// Runs rows one after another: on the three zones, inside a network namespace of their own, or as tests of the repository.
import { loadavg } from 'node:os'
import { join } from 'node:path'
import { runProcess, type Cleanup } from '@sluice/testkit'
import { openMeetingPlace } from '../modes/zones/namespaces.ts'
import { type MatrixSystem, startMatrixSystem } from './matrix-system.ts'
import { keepResult } from './results.ts'
import { commitHere, type Row, RowContext, type RowResult } from './row.ts'

const rowTimeoutMs = 40 * 60_000

/** What is to be cleared up, the newest first. */
class Clearing implements Cleanup {
  readonly #steps: (() => void | Promise<void>)[] = []

  after(step: () => void | Promise<void>): void {
    this.#steps.push(step)
  }

  /** Runs every step, also after one that fails; returns what failed. */
  async run(): Promise<string[]> {
    const failures: string[] = []
    for (const step of this.#steps.splice(0).toReversed()) {
      try {
        await step()
      } catch (error) {
        failures.push(reasonOf(error))
      }
    }
    return failures
  }
}

/** Runs those rows on the zones; a system that a row has left broken is replaced. */
export async function runInZones(rows: readonly Row[]): Promise<void> {
  openMeetingPlace()
  let standing: { matrix: MatrixSystem; clearing: Clearing } | undefined
  for (const row of rows) {
    standing ??= await start()
    const { isSound, result } = await runOne(row, standing.matrix)
    keepResult(row, result)
    tell(row, result)
    if (isSound) continue
    await standing.clearing.run()
    standing = undefined
  }
  await standing?.clearing.run()
}

async function start(): Promise<{ matrix: MatrixSystem; clearing: Clearing }> {
  const clearing = new Clearing()
  try {
    return { matrix: await startMatrixSystem(clearing), clearing }
  } catch (error) {
    await clearing.run()
    throw error
  }
}

async function runOne(row: Row, matrix: MatrixSystem): Promise<{ isSound: boolean; result: RowResult }> {
  const clearing = new Clearing()
  const load = matrix.openLoad()
  const context = new RowContext(clearing, matrix, load)
  const began = performance.now()
  try {
    await within(rowTimeoutMs, row.run!(context))
  } catch (error) {
    context.check(false, reasonOf(error))
  }
  const broken = await clearing.run()
  await load.stop()
  broken.push(...(await matrix.zoned.settled().then(() => [], (error: unknown) => [reasonOf(error)])))
  for (const problem of broken) context.check(false, `afterwards: ${problem}`)
  const verdict = context.failures.length === 0 ? 'pass' : 'fail'
  return { isSound: broken.length === 0, result: { verdict, measured: context.measured, seconds: Math.round((performance.now() - began) / 1000), commit: commitHere(), load: Math.round(loadavg()[0]!) } }
}

/** Runs the tests that a row is. */
export async function runTests(t: Cleanup, row: Row): Promise<RowResult> {
  const began = performance.now()
  const repository = join(import.meta.dirname, '../..')
  const measured: string[] = []
  let isPassed = true
  for (const { file, cases = '' } of row.tests ?? []) {
    const isLong = file.endsWith('.long.ts')
    const { stdout } = await runProcess(t, process.execPath, ['tools/test.ts', ...(isLong ? ['--long'] : []), '--', file], { cwd: repository, env: { SLUICE_TEST_CASES: cases } })
    const [, passed = '0', failed = '0', skipped = '0'] = /(\d+) passed, (\d+) failed, (\d+) skipped\s*$/.exec(stdout) ?? []
    const isGood = Number(passed) > 0 && failed === '0' && skipped === '0'
    isPassed &&= isGood
    const [, firstFailure] = /^✗ (.+)/m.exec(stdout) ?? []
    const summary = `\`${file}\`: ${passed} passed, ${failed} failed, ${skipped} skipped${firstFailure === undefined ? '' : `: ${firstFailure}`}`
    measured.push(isGood ? summary : `**${summary}**`)
  }
  const result: RowResult = { verdict: isPassed ? 'pass' : 'fail', measured, seconds: Math.round((performance.now() - began) / 1000), commit: commitHere(), load: Math.round(loadavg()[0]!) }
  keepResult(row, result)
  return result
}

export function cannot(row: Row, reason: string): RowResult {
  const result: RowResult = { verdict: 'cannot run here', measured: [reason], seconds: 0, commit: '' }
  keepResult(row, result)
  return result
}

function tell({ id }: Row, { verdict, seconds, measured }: RowResult): void {
  process.stdout.write(`${verdict} ${id} (${seconds} s): ${measured.join('; ')}\n`)
}

async function within<T>(ms: number, work: Promise<T>): Promise<T> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new Error(`the row took more than ${ms / 60_000} minutes`)), ms)
  return Promise.race([work, late.promise]).finally(() => clearTimeout(timer))
}

/** The message with those of its causes, short enough for a table. */
function reasonOf(error: unknown): string {
  const messages: string[] = []
  for (let cause = error; cause instanceof Error; cause = cause.cause) messages.push(cause.message.split('\n')[0]!)
  return messages.join(': ').slice(0, 400)
}
