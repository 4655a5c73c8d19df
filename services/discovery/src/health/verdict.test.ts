import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { Verdict } from './verdict.ts'

const settings = { unhealthyAfter: 3, healthyAfter: 2 }

suite('the verdict on an endpoint', () => {
  const run = (verdict: Verdict, outcomes: string) => [...outcomes].map((outcome) => verdict.note(outcome === '+' ? undefined : 'refused', settings))

  test('it is out after three failures in a row, with the last reason', () => {
    const verdict = new Verdict()
    assert.deepEqual(run(verdict, '---'), [false, false, true])
    assert.deepEqual([verdict.isHealthy, verdict.reason], [false, 'refused'])
  })

  test('a success in between begins the count anew', () => {
    const verdict = new Verdict()
    assert.deepEqual(run(verdict, '--+--'), [false, false, false, false, false])
    assert.equal(verdict.isHealthy, true)
  })

  test('it is back after two successes in a row', () => {
    const verdict = new Verdict('refused')
    assert.deepEqual(run(verdict, '+-++'), [false, false, false, true])
    assert.deepEqual([verdict.isHealthy, verdict.reason], [true, ''])
  })

  test('while a probe contradicts the verdict the next one comes within a second', () => {
    const verdict = new Verdict()
    assert.equal(verdict.nextAfterMs(10_000), 10_000)
    run(verdict, '-')
    assert.deepEqual([verdict.nextAfterMs(10_000), verdict.nextAfterMs(200)], [1000, 200])
    run(verdict, '--')
    assert.equal(verdict.nextAfterMs(10_000), 10_000)
    run(verdict, '+')
    assert.equal(verdict.nextAfterMs(10_000), 1000)
  })
})
