import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CircuitBreaker, notAdmitted, type CircuitBreakerSettings } from './circuit-breaker.ts'

const settings = (overrides: Partial<CircuitBreakerSettings> = {}): CircuitBreakerSettings => ({ consecutiveFailures: 10, errorRatePercent: 50, minimumRequests: 20, openSeconds: 30, ...overrides })

type Outcome = 'success' | 'failure' | 'refusal' | 'none'

/** One attempt with its outcome at `now`; whether it was admitted. */
function attempt(circuit: CircuitBreaker, outcome: Outcome, now: number): boolean {
  const turn = circuit.admit(now)
  if (turn === notAdmitted) return false
  if (outcome === 'success') circuit.noteSuccess(turn, now)
  if (outcome === 'failure') circuit.noteFailure(turn, now)
  if (outcome === 'refusal') circuit.noteRefusal(turn)
  circuit.release(turn)
  return true
}

function attempts(circuit: CircuitBreaker, outcomes: readonly Outcome[], from: number, everyMs = 10): void {
  for (const [index, outcome] of outcomes.entries()) attempt(circuit, outcome, from + index * everyMs)
}

const times = (count: number, outcome: Outcome): Outcome[] => Array<Outcome>(count).fill(outcome)

function opened(at: number, overrides: Partial<CircuitBreakerSettings> = {}): CircuitBreaker {
  const circuit = new CircuitBreaker(settings(overrides))
  attempts(circuit, times(overrides.consecutiveFailures ?? 10, 'failure'), at, 0)
  return circuit
}

describe('a circuit opens', () => {
  it('after ten failures in a row, not after nine and a success', () => {
    const circuit = new CircuitBreaker(settings({ minimumRequests: 1000 }))
    attempts(circuit, [...times(9, 'failure'), 'success', ...times(9, 'failure')], 0)
    assert.equal(circuit.stateAt(200), 'closed')
    attempt(circuit, 'failure', 200)
    assert.equal(circuit.stateAt(200), 'open')
    assert.equal(circuit.opened, 1)
  })

  it('when half of twenty answers failed, not of nineteen', () => {
    const mixed = (count: number) => Array.from({ length: count }, (_, index): Outcome => (index % 2 === 0 ? 'success' : 'failure'))
    const circuit = new CircuitBreaker(settings())
    attempts(circuit, mixed(19), 0)
    assert.equal(circuit.stateAt(190), 'closed')
    attempt(circuit, 'failure', 190)
    assert.equal(circuit.stateAt(190), 'open')
  })

  it('not when less than half failed', () => {
    const circuit = new CircuitBreaker(settings())
    attempts(circuit, Array.from({ length: 300 }, (_, index): Outcome => (index % 3 === 0 ? 'failure' : 'success')), 0)
    assert.equal(circuit.stateAt(3000), 'closed')
  })

  it('not by failures that lie more than ten seconds back', () => {
    const circuit = new CircuitBreaker(settings({ consecutiveFailures: 100 }))
    attempts(circuit, times(19, 'failure'), 0, 1)
    attempts(circuit, ['failure', ...times(10, 'success')], 11_000)
    assert.equal(circuit.stateAt(11_200), 'closed')
  })

  it('not by refusals, which count for nothing: neither as failures nor between them', () => {
    const circuit = new CircuitBreaker(settings({ minimumRequests: 1000 }))
    attempts(circuit, times(50, 'refusal'), 0)
    assert.equal(circuit.stateAt(600), 'closed')
    attempts(circuit, [...times(5, 'failure'), ...times(5, 'refusal'), ...times(5, 'failure')], 600)
    assert.equal(circuit.stateAt(800), 'open')
  })

  it('not by attempts that the client ended', () => {
    const circuit = new CircuitBreaker(settings())
    attempts(circuit, times(50, 'none'), 0)
    assert.equal(circuit.stateAt(500), 'closed')
  })
})

describe('an open circuit', () => {
  it('admits nothing for thirty seconds, and says how long it still will', () => {
    const circuit = opened(1000)
    assert.equal(circuit.admit(30_999), notAdmitted)
    assert.equal(circuit.retryAfterSeconds(1000), 30)
    assert.equal(circuit.retryAfterSeconds(30_500), 1)
  })

  it('is half-open after that: one attempt is made, and no other while it runs', () => {
    const circuit = opened(0)
    assert.equal(circuit.stateAt(30_000), 'half-open')
    assert.notEqual(circuit.admit(30_000), notAdmitted)
    assert.equal(circuit.admit(30_001), notAdmitted)
    assert.equal(circuit.retryAfterSeconds(30_001), 1)
  })

  it('closes when the probe succeeds, and starts counting afresh', () => {
    const circuit = opened(0)
    attempt(circuit, 'success', 30_000)
    assert.equal(circuit.stateAt(30_000), 'closed')
    attempts(circuit, times(9, 'failure'), 30_001, 1)
    assert.equal(circuit.stateAt(30_020), 'closed')
  })

  it('closes when the probe is answered at all, be it by a refusal', () => {
    const circuit = opened(0)
    attempt(circuit, 'refusal', 30_000)
    assert.equal(circuit.stateAt(30_000), 'closed')
  })

  it('opens again for as long when the probe fails', () => {
    const circuit = opened(0)
    attempt(circuit, 'failure', 30_000)
    assert.equal(circuit.admit(59_999), notAdmitted)
    assert.notEqual(circuit.admit(60_000), notAdmitted)
    assert.equal(circuit.opened, 2)
  })

  it('lets the next request be the probe when the client of the first one left', () => {
    const circuit = opened(0)
    attempt(circuit, 'none', 30_000)
    assert.equal(attempt(circuit, 'success', 30_001), true)
    assert.equal(circuit.stateAt(30_001), 'closed')
  })

  it('is not closed, nor opened again, by what comes of attempts from before it opened', () => {
    const circuit = new CircuitBreaker(settings())
    const early = circuit.admit(0)
    attempts(circuit, times(10, 'failure'), 0)
    circuit.noteSuccess(early, 200)
    assert.equal(circuit.stateAt(200), 'open')
    const probe = circuit.admit(31_000)
    circuit.noteFailure(early, 31_000)
    circuit.release(early)
    assert.equal(circuit.admit(31_000), notAdmitted, 'the probe still runs')
    circuit.noteSuccess(probe, 31_001)
    assert.equal(circuit.stateAt(31_001), 'closed')
  })
})

it('no order of outcomes opens a circuit without enough failures, or admits two probes', () => {
  let seed = 42
  const random = () => (seed = (Math.imul(seed, 1_103_515_245) + 12_345) >>> 0) / 2 ** 32
  for (let round = 0; round < 200; round++) {
    const circuit = new CircuitBreaker(settings({ consecutiveFailures: 3, openSeconds: 1 }))
    const running: number[] = []
    let failures = 0
    for (let now = 0; now < 5000; now += 50) {
      const before = circuit.stateAt(now)
      const turn = circuit.admit(now)
      if (turn !== notAdmitted) running.push(turn)
      if (before === 'half-open' && turn !== notAdmitted) assert.equal(circuit.admit(now), notAdmitted)
      if (running.length === 0 || random() < 0.3) continue
      const ending = running.splice(Math.floor(random() * running.length), 1)[0]!
      const opens = circuit.opened
      if (random() < 0.5) {
        failures++
        circuit.noteFailure(ending, now)
      } else circuit.noteSuccess(ending, now)
      circuit.release(ending)
      if (circuit.opened > opens) assert.equal(circuit.stateAt(now), 'open')
      assert.ok(circuit.opened <= failures)
    }
  }
})

describe('a circuit held by hand', () => {
  it('open admits nothing, however long, and says when to ask again', () => {
    const circuit = new CircuitBreaker(settings())
    circuit.hold('open')
    assert.equal(attempt(circuit, 'success', 1e9), false)
    assert.deepEqual([circuit.stateAt(1e9), circuit.retryAfterSeconds(1e9)], ['open', 30])
  })

  it('closed stays so, whatever fails; let go it decides for itself again', () => {
    const circuit = opened(0)
    circuit.hold('closed')
    attempts(circuit, times(100, 'failure'), 1)
    assert.equal(circuit.stateAt(1001), 'closed')
    circuit.hold(undefined)
    attempts(circuit, times(10, 'failure'), 2000)
    assert.equal(circuit.stateAt(2100), 'open')
  })
})
