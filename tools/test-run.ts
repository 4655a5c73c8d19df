// One run of node:test over some files, and what came of it.
import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { guardProcessGroup, signalGroup } from '../infra/local/process-guard.ts'
import type { TestSummary } from './test-reporter.ts'

export interface RunResult extends TestSummary {
  name: string
  /** What is wrong with the run itself, one sentence each. */
  problems: string[]
  seconds: number
}

export interface RunPlan {
  /** The repository, or a folder that stands for one. */
  root: string
  name: string
  files: readonly string[]
  /** In one process, or in one each. */
  together: boolean
  env?: Record<string, string>
  /** Files at once, of those that have a process each [2]. */
  atOnce?: number
  /** A file, and a test in it, may take this long [900]. */
  fileTimeoutSeconds?: number
  /** Aborted when the whole run takes too long. */
  signal?: AbortSignal
}

const FILE_TIMEOUT_SECONDS = 900

export async function runTests(plan: RunPlan): Promise<RunResult> {
  const start = performance.now()
  const directory = mkdtempSync(join(tmpdir(), 'sluice-test-run-'))
  const summaryFile = join(directory, 'summary.json')
  try {
    const code = await runNode(plan, summaryFile)
    const summary = readSummary(summaryFile)
    return { ...(summary ?? nothing()), name: plan.name, problems: findProblems(plan, code, summary), seconds: (performance.now() - start) / 1000 }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

function runNode(plan: RunPlan, summaryFile: string): Promise<number | null> {
  const { root, files, env, signal } = plan
  const args = [...runnerOptions(plan), ...files]
  const child = spawn(process.execPath, args, {
    cwd: root,
    stdio: ['ignore', 'inherit', 'inherit'],
    detached: true,
    // Set in a process that is itself under test, it would make the runner believe it had been called by itself.
    env: { ...process.env, ...env, SLUICE_TEST_SUMMARY: summaryFile, NODE_TEST_CONTEXT: undefined, ...fileLimit(plan) },
  })
  const { pid } = child
  if (pid === undefined) throw new Error(`${process.execPath} could not be started`)
  const release = guardProcessGroup(pid)
  const abort = () => void signalGroup(pid, 'SIGKILL')
  signal?.addEventListener('abort', abort)
  if (signal?.aborted) abort()
  return new Promise((resolve) => {
    child.once('exit', (code) => {
      signal?.removeEventListener('abort', abort)
      release()
      resolve(code)
    })
  })
}

/** Told to `limit-file-time.ts`, unless somebody has told it something else. */
function fileLimit({ fileTimeoutSeconds }: RunPlan): Record<string, string> {
  const isGiven = process.env.SLUICE_TEST_FILE_TIMEOUT_SECONDS !== undefined
  return fileTimeoutSeconds === undefined || isGiven ? {} : { SLUICE_TEST_FILE_TIMEOUT_SECONDS: String(fileTimeoutSeconds) }
}

function runnerOptions({ together, atOnce = 2, fileTimeoutSeconds = FILE_TIMEOUT_SECONDS }: RunPlan): string[] {
  const url = (file: string) => pathToFileURL(join(import.meta.dirname, file)).href
  return [
    '--test',
    `--test-timeout=${fileTimeoutSeconds * 1000}`,
    `--test-reporter=${url('test-reporter.ts')}`,
    '--test-reporter-destination=stdout',
    '--disable-warning=ExperimentalWarning',
    '--test-force-exit', // a file that leaves a timer or a connection behind would hold up all the others
    ...(together ? ['--test-isolation=none', `--import=${url('forbid-exit.ts')}`] : [`--test-concurrency=${atOnce}`, `--import=${url('limit-file-time.ts')}`]),
  ]
}

function readSummary(file: string): TestSummary | undefined {
  try {
    return JSON.parse(readFileSync(file, 'utf8')) as TestSummary
  } catch {
    return undefined
  }
}

function nothing(): TestSummary {
  return { passed: 0, failed: 0, skipped: [], durations: {}, finished: [] }
}

/** node:test can be green and wrong: a file that ends the process reports nothing, and nothing counts as well. */
function findProblems(plan: RunPlan, code: number | null, summary: TestSummary | undefined): string[] {
  const { name, together, files, signal } = plan
  if (signal?.aborted) return [`${name}: ended because the whole run took too long`]
  if (!summary) return [`${name}: the run ended (exit code ${code}) without a summary`]
  const silent = together || summary.failed > 0 ? [] : files.filter((file) => !summary.finished.includes(file))
  const problems = silent.map((file) => `${file}: reported no test; it called process.exit, or holds none`)
  if (code !== 0 && summary.failed === 0 && problems.length === 0) problems.push(`${name}: exit code ${code} though no test failed`)
  return problems
}
