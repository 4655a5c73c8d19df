import { spawn, type ChildProcess } from 'node:child_process'
import { guardProcessGroup, signalGroup } from '../../../infra/local/process-guard.ts'
import { waitUntil } from './wait-until.ts'

/** What a test context offers for clearing up; a `TestContext` of node:test is one. */
export interface Cleanup {
  after(clearUp: () => void | Promise<void>): void
}

export interface ProcessOptions {
  cwd?: string
  /** Added to this process's environment; `undefined` takes a variable away. */
  env?: Record<string, string | undefined>
  /** Written to its stdin, which is then closed. */
  input?: string
}

export interface Exit {
  code: number | null
  signal: NodeJS.Signals | null
}

export interface RunningProcess {
  readonly pid: number
  readonly child: ChildProcess
  /** All it has printed so far. */
  stdout(): string
  stderr(): string
  /** How it ended, once it has. */
  readonly exited: Promise<Exit>
  /** The first line of either output that matches, printed already or later; fails when the process ends without it. */
  waitForLine(pattern: RegExp, options?: { timeoutMs?: number }): Promise<RegExpMatchArray>
  /** Sends to the process alone, as `kill PID` does. */
  signal(name: NodeJS.Signals): void
}

/**
 * Starts a process in a group of its own. The whole group is killed when the test `t` ends, or when this
 * process does, so nothing outlives a failed test.
 */
export function startProcess(t: Cleanup, command: string, args: readonly string[], options: ProcessOptions = {}): RunningProcess {
  const env = { ...process.env, NODE_TEST_CONTEXT: undefined, ...options.env }
  const child = spawn(command, args, { cwd: options.cwd, env, detached: true, stdio: 'pipe' })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  child.stdin.on('error', () => {}) // it may end before it has read its input
  child.stdin.end(options.input ?? '')
  const exited = waitForExit(child)
  exited.catch(() => {}) // whoever awaits it is told
  endWithTest(t, child)
  return {
    pid: child.pid ?? 0,
    child,
    stdout: () => output.stdout,
    stderr: () => output.stderr,
    exited,
    waitForLine: (pattern, { timeoutMs = 15_000 } = {}) => waitForLine(child, output, pattern, timeoutMs),
    signal: (name) => void child.kill(name),
  }
}

/** Runs a process to its end and returns how it ended and what it printed. */
export async function runProcess(t: Cleanup, command: string, args: readonly string[], options: ProcessOptions = {}): Promise<Exit & { stdout: string; stderr: string }> {
  const running = startProcess(t, command, args, options)
  const exit = await running.exited
  return { ...exit, stdout: running.stdout(), stderr: running.stderr() }
}

function waitForExit(child: ChildProcess): Promise<Exit> {
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code, signal) => resolve({ code, signal }))
  })
}

function endWithTest(t: Cleanup, child: ChildProcess): void {
  const { pid } = child
  if (pid === undefined) return
  const release = guardProcessGroup(pid)
  t.after(() => {
    signalGroup(pid, 'SIGKILL')
    release()
  })
}

async function waitForLine(child: ChildProcess, output: { stdout: string; stderr: string }, pattern: RegExp, timeoutMs: number): Promise<RegExpMatchArray> {
  const find = () => [...output.stdout.split('\n'), ...output.stderr.split('\n')].map((line) => line.match(pattern)).find((match) => match !== null)
  const hasEnded = () => child.exitCode !== null || child.signalCode !== null
  try {
    await waitUntil(() => find() !== undefined || hasEnded(), { timeoutMs, what: `a line like ${pattern}` })
    const match = find()
    if (match) return match
    throw new Error(`the process ended (code ${child.exitCode}, signal ${child.signalCode}) without a line like ${pattern}`)
  } catch (error) {
    throw new Error(`${(error as Error).message}\nstdout:\n${output.stdout}\nstderr:\n${output.stderr}`, { cause: error })
  }
}
