import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { runProcess, startProcess, type Cleanup } from './child-process.ts'
import { waitUntil } from './wait-until.ts'

/** A cleanup that the test itself runs, to look at what it does. */
function collectCleanup(): Cleanup & { run(): Promise<void> } {
  const steps: (() => void | Promise<void>)[] = []
  return {
    after: (step) => void steps.push(step),
    run: async () => {
      for (const step of steps) await step()
    },
  }
}

test('a process is run to its end with its input, output and code', async (t) => {
  const exit = await runProcess(t, 'sh', ['-c', 'cat; echo oops >&2; exit 3'], { input: 'given' })
  assert.deepEqual(exit, { code: 3, signal: null, stdout: 'given', stderr: 'oops\n' })
})

test('a line is waited for, and a signal reaches the process', async (t) => {
  const running = startProcess(t, process.execPath, ['-e', 'console.log("ready on 42"); setInterval(() => {}, 1e6)'])
  assert.equal((await running.waitForLine(/ready on (\d+)/))[1], '42')
  running.signal('SIGTERM')
  assert.deepEqual(await running.exited, { code: null, signal: 'SIGTERM' })
})

test('a process that ends without the line says what it printed instead', async (t) => {
  const running = startProcess(t, 'sh', ['-c', 'echo address in use; exit 1'])
  await assert.rejects(running.waitForLine(/ready/), /code 1.*\n.*\naddress in use/)
})

test('what a process started ends with the test, too', async () => {
  const cleanup = collectCleanup()
  const running = startProcess(cleanup, 'sh', ['-c', 'sleep 1000 & echo "child $!"; wait'])
  const [, pid] = await running.waitForLine(/child (\d+)/)
  await cleanup.run()
  await waitUntil(() => !isAlive(Number(pid)), { what: 'the grandchild to end' })
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    // Killed, but not yet collected by the system's first process: ended all the same.
    return !existsSync('/proc/self/stat') || !/\) Z /.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
