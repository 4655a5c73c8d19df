import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { create } from '@bufbuild/protobuf'
import { UpstreamReportSchema } from '@sluice/proto/messages/discovery'
import { EdgeFindings } from './edge-findings.ts'

function started() {
  const clock = { now: 0 }
  const findings = new EdgeFindings(() => clock.now)
  const report = (edge: string, worker: number, ...list: { upstream: string; circuit?: string; leftOut?: string[] }[]) => findings.take(create(UpstreamReportSchema, { scope: 'default', edge, zone: 'a', worker, findings: list }))
  return { clock, findings, report }
}

suite('what edges have found out', () => {
  test('the workers of an edge are taken together, edges are not', () => {
    const { findings, report } = started()
    report('one', 1, { upstream: 'users', circuit: 'open', leftOut: ['b'] })
    report('one', 2, { upstream: 'users', circuit: 'half-open', leftOut: ['a', 'b'] })
    report('two', 1, { upstream: 'users', circuit: 'half-open' })
    assert.deepEqual(findings.all().get('users'), [
      { edge: 'one', zone: 'a', state: 'open', workersOpen: 1, workersHalfOpen: 1, leftOut: ['a', 'b'] },
      { edge: 'two', zone: 'a', state: 'half-open', workersOpen: 0, workersHalfOpen: 1, leftOut: [] },
    ])
  })

  test('a later word takes the place of the one before, an empty one of all', () => {
    const { findings, report } = started()
    report('one', 1, { upstream: 'users', circuit: 'open' })
    report('one', 1, { upstream: 'orders', circuit: 'open' })
    assert.deepEqual([...findings.all().keys()], ['orders'])
    report('one', 1)
    assert.equal(findings.all().size, 0)
  })

  test('a worker that was not heard of for 30 s has ended', () => {
    const { clock, findings, report } = started()
    report('one', 1, { upstream: 'users', circuit: 'open' })
    clock.now = 30_000
    assert.equal(findings.all().size, 1)
    clock.now = 30_001
    assert.equal(findings.all().size, 0)
  })
})
