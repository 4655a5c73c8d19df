import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { EndpointState, UpstreamEndpoints } from '@sluice/balancers/balancer'
import { createUpstreamEndpoints } from '@sluice/balancers/endpoints'
import { Outliers } from './outliers.ts'

const endpoints = (count: number) =>
  createUpstreamEndpoints('users', Array.from({ length: count }, (_, index) => ({ id: `e${index}`, url: `http://127.0.0.1:${9000 + index}`, weight: 1, priority: 0, zone: '', health: 'healthy' as const })))

const nth = (state: UpstreamEndpoints, index: number): EndpointState => state.byId.get(`e${index}`)!
const isOut = (endpoint: EndpointState, now: number) => endpoint.leftOutUntil > now

function fail(outliers: Outliers, state: UpstreamEndpoints, index: number, now: number, times = 5): void {
  for (let time = 0; time < times; time++) outliers.noteFailure(nth(state, index), state, now)
}

describe('failures in a row', () => {
  it('five put an endpoint aside for 30 s; four do not', () => {
    const [state, outliers] = [endpoints(3), new Outliers()]
    fail(outliers, state, 0, 1000, 4)
    assert.equal(isOut(nth(state, 0), 1000), false)
    fail(outliers, state, 0, 1000, 1)
    assert.deepEqual([isOut(nth(state, 0), 30_999), isOut(nth(state, 0), 31_000)], [true, false])
    assert.equal(outliers.ejections, 1)
  })

  it('502, 503 and 504 count as failures; 500 and 404 end the row', () => {
    const [state, outliers] = [endpoints(3), new Outliers()]
    for (const status of [502, 503, 504, 502, 500, 502, 503, 504, 502, 404, 502, 503, 504, 502]) outliers.noteAnswer(nth(state, 0), status, state, 1000)
    assert.equal(isOut(nth(state, 0), 1000), false)
    outliers.noteAnswer(nth(state, 0), 502, state, 1000)
    assert.equal(isOut(nth(state, 0), 1000), true)
  })

  it('each further time lasts 30 s longer, 300 s at most', () => {
    const [state, outliers] = [endpoints(3), new Outliers()]
    const lengths: number[] = []
    for (let now = 1000, time = 0; time < 12; time++) {
      fail(outliers, state, 0, now)
      lengths.push((nth(state, 0).leftOutUntil - now) / 1000)
      now = nth(state, 0).leftOutUntil
    }
    assert.deepEqual(lengths, [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300, 300])
  })

  it('time in use is time forgiven', () => {
    const [state, outliers] = [endpoints(3), new Outliers()]
    fail(outliers, state, 0, 1000)
    fail(outliers, state, 0, 31_000)
    fail(outliers, state, 0, 91_000 + 60_000)
    assert.equal(nth(state, 0).leftOutUntil - 151_000, 30_000)
  })

  it('an endpoint that comes back starts slowly', () => {
    const [state, outliers] = [endpoints(3), new Outliers()]
    fail(outliers, state, 0, 1000)
    assert.equal(nth(state, 0).slowSince, 31_000)
    assert.equal(state.groups[0]!.slowUntil, 61_000)
  })
})

describe('how many', () => {
  it('a tenth of the endpoints at a time, but always one', () => {
    for (const [count, most] of [[1, 1], [3, 1], [19, 1], [20, 2], [35, 3]] as const) {
      const [state, outliers] = [endpoints(count), new Outliers()]
      for (let index = 0; index < count; index++) fail(outliers, state, index, 1000)
      assert.equal([...state.byId.values()].filter((endpoint) => isOut(endpoint, 1000)).length, most, `of ${count}`)
    }
  })

  it('when one is back, the next may be put aside', () => {
    const [state, outliers] = [endpoints(3), new Outliers()]
    fail(outliers, state, 0, 1000)
    fail(outliers, state, 1, 1000)
    assert.equal(isOut(nth(state, 1), 1000), false)
    fail(outliers, state, 1, 31_000, 1)
    assert.equal(isOut(nth(state, 1), 31_000), true)
  })

  it('an endpoint that is none any more is put aside from nothing', () => {
    const [before, outliers] = [endpoints(3), new Outliers()]
    const gone = nth(before, 2)
    const state = createUpstreamEndpoints('users', [...before.byId.values()].slice(0, 2), before, 0)
    for (let time = 0; time < 10; time++) outliers.noteFailure(gone, state, 1000)
    assert.equal(outliers.ejections, 0)
  })
})

describe('the share of successes', () => {
  /** Each endpoint's attempts in one period, of which `failures` fail by 500, and one more failure that has them compared. */
  function period(outliers: Outliers, state: UpstreamEndpoints, failures: readonly number[], attempts: number, at: number): void {
    for (const [index, failed] of failures.entries()) {
      for (let time = 0; time < attempts; time++) outliers.noteAnswer(nth(state, index), time < failed ? 500 : 200, state, at)
    }
    outliers.noteAnswer(nth(state, 0), 500, state, at + 10_000)
  }

  it('one far below the others is put aside', () => {
    const [state, outliers] = [endpoints(6), new Outliers()]
    period(outliers, state, [0, 1, 0, 2, 0, 60], 200, 1000)
    assert.deepEqual([...state.byId.values()].map((endpoint) => isOut(endpoint, 11_000)), [false, false, false, false, false, true])
  })

  it('when all fail alike none is', () => {
    const [state, outliers] = [endpoints(6), new Outliers()]
    period(outliers, state, [100, 100, 100, 100, 100, 100], 200, 1000)
    assert.equal(outliers.ejections, 0)
  })

  it('a single failure among none is no reason', () => {
    const [state, outliers] = [endpoints(10), new Outliers()]
    period(outliers, state, [0, 0, 0, 0, 0, 0, 0, 0, 0, 3], 200, 1000)
    assert.equal(outliers.ejections, 0)
  })

  it('below a hundred attempts nobody is compared', () => {
    const [state, outliers] = [endpoints(6), new Outliers()]
    period(outliers, state, [0, 0, 0, 0, 0, 90], 99, 1000)
    assert.equal(outliers.ejections, 0)
  })

  it('fewer than five cannot be compared', () => {
    const [state, outliers] = [endpoints(4), new Outliers()]
    period(outliers, state, [0, 0, 0, 190], 200, 1000)
    assert.equal(outliers.ejections, 0)
  })
})
