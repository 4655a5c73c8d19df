// `npm test [-- PATH ...]`: unit tests in one process while the shared servers start, then what needs servers or
// processes. `npm run test:long [-- PATH ...]`: what takes minutes, one file after the other. The last line is
// `N passed, N failed, N skipped` over everything.
import { join } from 'node:path'
import { findTestFiles, normaliseFilter, REPOSITORY, serversFor } from './test-files.ts'
import { runTests, type RunPlan, type RunResult } from './test-run.ts'
import { requiredServers, startShared, type SharedServers } from './test-servers.ts'

const DEFAULT_TIMEOUT_SECONDS = 3000
const LONG_TIMEOUT_SECONDS = 4 * 3600
const LONG_FILE_TIMEOUT_SECONDS = 3600

export async function runAll(root: string, filters: readonly string[], { long = false } = {}): Promise<number> {
  const start = performance.now()
  const files = findTestFiles(root, filters.map((filter) => normaliseFilter(root, filter)), { long })
  const timeoutSeconds = Number(process.env.SLUICE_TEST_TIMEOUT_SECONDS) || (long ? LONG_TIMEOUT_SECONDS : DEFAULT_TIMEOUT_SECONDS)
  const plan = { root, env: environment(root), signal: AbortSignal.timeout(timeoutSeconds * 1000), ...(long && { fileTimeoutSeconds: LONG_FILE_TIMEOUT_SECONDS, atOnce: 1 }) }
  const starting = startShared(serversFor(root, files.apart))
  const results: RunResult[] = []
  try {
    results.push(...(await runSome({ ...plan, name: 'unit tests', files: files.together, together: true })))
    const { env } = await starting
    results.push(...(await runSome({ ...plan, name: 'tests with servers', files: files.apart, together: false, env: { ...plan.env, ...env } })))
  } finally {
    await (await starting).stop()
  }
  return close(results, await starting, root, (performance.now() - start) / 1000)
}

async function runSome(plan: RunPlan): Promise<RunResult[]> {
  return plan.files.length === 0 ? [] : [await runTests(plan)]
}

/** Compiled code is kept between processes: a service that a test starts is there in a third of the time. */
function environment(root: string): Record<string, string> {
  return process.env.NODE_COMPILE_CACHE ? {} : { NODE_COMPILE_CACHE: join(root, '.cache/compiled') }
}

/** Prints skips, problems, times and the closing line; returns the exit code. */
function close(results: readonly RunResult[], servers: SharedServers, root: string, seconds: number): number {
  const problems = [...results.flatMap((result) => result.problems), ...missingServers(servers, root)]
  const passed = sum(results.map((result) => result.passed))
  const failed = sum(results.map((result) => result.failed)) + problems.length
  const skipped = results.flatMap((result) => result.skipped)
  for (const { file, name, reason } of skipped) console.log(`skipped: ${file} › ${name}: ${reason}`)
  for (const { name, reason } of servers.missing) console.log(`could not be started: ${name}: ${reason}`)
  for (const problem of problems) console.log(`✗ ${problem}`)
  if (passed === 0) console.log('✗ no test passed')
  printTimes(results, servers, seconds)
  console.log(`${passed} passed, ${failed} failed, ${skipped.length} skipped`)
  return failed > 0 || passed === 0 ? 1 : 0
}

/** On a developer's machine a missing server means skipped tests; in CI it means that something went unproven. */
function missingServers(servers: SharedServers, root: string): string[] {
  if (!process.env.CI || servers.missing.length === 0) return []
  const required = requiredServers(root)
  return servers.missing.filter(({ name }) => required.includes(name)).map(({ name }) => `${name} is required in CI and could not be started`)
}

function printTimes(results: readonly RunResult[], servers: SharedServers, seconds: number): void {
  const runs = results.map((result) => `${result.name} ${result.seconds.toFixed(1)} s`)
  console.log(`\ntime: ${[`${seconds.toFixed(1)} s in all`, ...runs, ...servers.times].join(', ')}`)
  const durations = results.flatMap((result) => Object.entries(result.durations))
  const slowest = durations.sort(([, left], [, right]) => right - left).slice(0, 10)
  for (const [file, ms] of slowest) console.log(`${(ms / 1000).toFixed(2).padStart(8)} s  ${file}`)
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0)
}

if (import.meta.main) {
  const given = process.argv.slice(2)
  process.exitCode = await runAll(REPOSITORY, given.filter((argument) => !argument.startsWith('-')), { long: given.includes('--long') })
}
