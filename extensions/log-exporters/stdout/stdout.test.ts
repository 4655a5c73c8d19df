import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite, test } from 'node:test'
import { runProcess } from '@sluice/testkit'
import { logExporterContract, temporaryFolder } from '../log-exporter.contract.ts'
import { exportTo } from './stdout.ts'

logExporterContract('stdout', (t, parts) => {
  const file = join(temporaryFolder(t), 'out')
  const descriptor = openSync(file, 'a')
  t.after(() => closeSync(descriptor))
  return { exporter: exportTo(descriptor, parts), arrived: () => readFileSync(file, 'utf8').split('\n').slice(0, -1) }
})

const opening = `
  const { createExporter } = await import(${JSON.stringify(new URL('./stdout.ts', import.meta.url).href)})
  const exporter = createExporter({}, { onError() {} })`

suite('log exporter stdout: the real thing', () => {
  test('lines come out on standard output', async (t) => {
    const script = `${opening}
      exporter.write('one\\ntwo\\n', 2)
      await exporter.close()`
    const { stdout, code } = await runProcess(t, process.execPath, ['--input-type=module', '-e', script])
    assert.deepEqual([stdout, code], ['one\ntwo\n', 0])
  })

  test('a reader that does not read stalls nothing: lines wait, then are dropped and counted', async (t) => {
    const script = `${opening}
      const line = 'x'.repeat(1023) + '\\n'
      let turns = 0
      while (exporter.counts.dropped === 0) {
        exporter.write(line.repeat(64), 64)
        await new Promise((next) => setImmediate(next))
        turns++
      }
      process.stderr.write(String(turns))
      process.kill(process.pid, 'SIGKILL')`
    const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'pipe'] })
    t.after(() => child.kill('SIGKILL'))
    child.stdout.pause()
    const turns = await new Promise<string>((resolve) => child.stderr.setEncoding('utf8').once('data', resolve))
    assert.ok(Number(turns) > 256, `dropped after ${turns} batches of 64 KiB`)
  })
})
