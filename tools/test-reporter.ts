// A reporter for node:test. Prints each failure in full and, of tests in processes of their own, a line a file;
// leaves the numbers as JSON in the file that SLUICE_TEST_SUMMARY names, for tools/test.ts to add up.
import { writeFileSync } from 'node:fs'
import { relative } from 'node:path'
import type { TestEvent } from 'node:test/reporters'
import { inspect } from 'node:util'

export interface TestSummary {
  passed: number
  failed: number
  skipped: { file: string; name: string; reason: string }[]
  /** Time of each file, in ms. */
  durations: Record<string, number>
  /** Files that came to their end; one that called process.exit is not among them. */
  finished: string[]
}

type Extra = { entryFile?: string; classname?: string } // sent by the runner, missing in its types
type Failure = Extract<TestEvent, { type: 'test:fail' }>['data'] & Extra
type Outcome = Extract<TestEvent, { type: 'test:pass' | 'test:fail' | 'test:complete' }>['data'] & Extra

const isOneProcess = process.execArgv.includes('--test-isolation=none')
const summary: TestSummary = { passed: 0, failed: 0, skipped: [], durations: {}, finished: [] }
const output = new Map<string, string>()
const failing = new Set<string>()
const halfOver = new Set<string>()

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    if (event.type === 'test:pass') yield notePass(event.data)
    else if (event.type === 'test:fail') yield noteFailure(event.data)
    else if (event.type === 'test:stdout' || event.type === 'test:stderr') keepOutput(event.data)
    else if (event.type === 'test:complete') yield noteTime(event.data)
    else if (event.type === 'test:summary') yield noteEnd(event.data)
  }
}

function notePass(data: Outcome): string {
  if (isWholeFile(data)) return describeWhenOver(fileOf(data)) // no test in it; whoever reads `finished` misses it there
  if (data.details.type === 'suite' && !data.skip) return ''
  const reason = reasonToSkip(data)
  if (reason === undefined) summary.passed++
  else summary.skipped.push({ file: fileOf(data), name: fullName(data), reason })
  return ''
}

function noteFailure(data: Failure): string {
  if (data.todo !== undefined && data.todo !== false) {
    summary.skipped.push({ file: fileOf(data), name: fullName(data), reason: `to do: ${data.todo}` })
    return ''
  }
  const error = data.details.error as Error & { failureType?: string }
  if (error.failureType === 'subtestsFailed') return '' // the subtest has been told of
  summary.failed++
  failing.add(fileOf(data))
  const place = `${fileOf(data)}${data.line === undefined ? '' : `:${data.line}`}`
  const told = `\n✗ ${fullName(data)}\n  ${place}\n${indent(describeError(error))}\n\n`
  return isWholeFile(data) ? told + describeWhenOver(fileOf(data)) : told
}

/** The runner wraps what a test threw; assertion errors print with their diff and stack. */
function describeError(error: Error): string {
  const cause = error.cause ?? error
  return typeof cause === 'string' ? cause : inspect(cause, { depth: 6, maxStringLength: 10_000 })
}

function reasonToSkip({ skip, todo }: Outcome): string | undefined {
  if (skip !== undefined && skip !== false) return typeof skip === 'string' && skip !== '' ? skip : 'no reason given'
  if (todo !== undefined && todo !== false) return `to do: ${todo}`
  return undefined
}

function noteTime(data: Outcome): string {
  const file = fileOf(data)
  if (data.nesting > 0) return ''
  if (isOneProcess) {
    summary.durations[file] = (summary.durations[file] ?? 0) + data.details.duration_ms
    return ''
  }
  if (!isWholeFile(data)) return ''
  summary.durations[file] = data.details.duration_ms
  return describeWhenOver(file)
}

/**
 * The time of a file comes when its process ends, its outcomes when those of the files before it are through:
 * whichever is second brings the line.
 */
function describeWhenOver(file: string): string {
  if (halfOver.delete(file)) return describeFile(file)
  halfOver.add(file)
  return ''
}

/** One line for a file that has its own process, with all it printed when something failed in it. */
function describeFile(file: string): string {
  const isWell = !failing.has(file) && summary.finished.includes(file)
  const seconds = ((summary.durations[file] ?? 0) / 1000).toFixed(1)
  const printed = output.get(file) ?? ''
  output.delete(file)
  return `${isWell ? '✓' : '✗'} ${file} (${seconds} s)\n${isWell || printed === '' ? '' : `  it printed:\n${indent(printed.slice(-20_000))}\n`}`
}

function keepOutput(data: { file?: string | undefined; message: string; entryFile?: string }): void {
  const file = fileOf(data)
  output.set(file, (output.get(file) ?? '') + data.message)
}

function noteEnd(data: { file?: string | undefined; counts: { tests: number } }): string {
  if (data.file === undefined) {
    const path = process.env.SLUICE_TEST_SUMMARY
    if (path) writeFileSync(path, JSON.stringify(summary))
    return ''
  }
  if (data.counts.tests > 0) summary.finished.push(fileOf(data))
  return describeWhenOver(fileOf(data))
}

/** The runner's own entry for a file that it ran in a process. */
function isWholeFile(data: Outcome): boolean {
  return !isOneProcess && data.entryFile === undefined
}

function fileOf(data: { file?: string | undefined; entryFile?: string }): string {
  return relative(process.cwd(), data.entryFile ?? data.file ?? '').replaceAll('\\', '/')
}

function fullName(data: Outcome): string {
  return data.classname ? `${data.classname} › ${data.name}` : data.name
}

function indent(text: string): string {
  return text.replaceAll(/^(?=.)/gm, '    ')
}
