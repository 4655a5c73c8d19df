import assert from 'node:assert/strict'
import { test } from 'node:test'
import { runCommand } from '../../test/run-command.ts'

interface Row {
  readonly mode: string
  readonly requests: number
  readonly admitted: number
  readonly ideal: number
  readonly overPercent: number
  readonly underPercent: number
  readonly messagesPerRequest: number
}

const shape = ['--limit', '1000', '--window', '1s', '--edges', '16', '--rate', '2000', '--duration', '5s', '--skew', '1']

test('a limit is predicted in every mode: what it admits too much and too little, and what it asks', async () => {
  const run = await runCommand(['simulate', 'limits', ...shape, '--json'])
  assert.deepEqual({ code: run.code, stderr: run.stderr }, { code: 0, stderr: '' })
  const [exact, auto, leased, local] = JSON.parse(run.stdout) as [Row, Row, Row, Row]
  assert.deepEqual([exact.mode, auto.mode, leased.mode, local.mode], ['exact', 'auto', 'leased', 'local'])
  assert.equal(leased.overPercent, 0)
  assert.deepEqual([exact.overPercent, exact.underPercent, exact.messagesPerRequest], [0, 0, 1])
  assert.equal(auto.overPercent, 0)
  assert.ok(local.overPercent > 0 && local.messagesPerRequest === 0)
  assert.equal(exact.requests, local.requests)
})

test('the prediction is a table, and the same seed predicts the same', async () => {
  const [first, second, other] = [await runCommand(['simulate', 'limits', ...shape, '--mode', 'auto']), await runCommand(['simulate', 'limits', ...shape, '--mode', 'auto']), await runCommand(['simulate', 'limits', ...shape, '--mode', 'auto', '--seed', '2'])]
  assert.match(first.stdout, /^MODE +REQUESTS +ADMITTED +ONE COUNT +OVER +UNDER +MESSAGES A REQUEST\nauto +\d+ +\d+ +\d+ +0\.00 % +\d+\.\d\d % +\d\.\d{3}\n$/)
  assert.equal(first.stdout, second.stdout)
  assert.notEqual(first.stdout, other.stdout)
})

test('what cannot be simulated is said with what was expected', async () => {
  for (const [wrong, expected] of [
    [['--limit', '0', '--rate', '1'], /whole number from 1/],
    [['--limit', '1', '--rate', '1', '--skew', '-1'], /number from 0 to 10/],
    [['--limit', '1', '--rate', '1000000', '--duration', '1h'], /at most 20000000/],
    [['--limit', '1', '--rate', '1', '--algorithm', 'fixed-window', '--burst', '2'], /has no bucket/],
    [['--limit', '20000', '--rate', '1', '--algorithm', 'sliding-window-log'], /10000 at most/],
    [['--rate', '1'], /--limit/],
  ] as const) {
    const { code, stderr } = await runCommand(['simulate', 'limits', ...wrong])
    assert.notEqual(code, 0, wrong.join(' '))
    assert.match(stderr, expected)
  }
})
