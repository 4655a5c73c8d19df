import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { continueTrace, newSpanId, newTraceId, traceparentOf } from './trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'

suite('the trace of a request', () => {
  test('a caller’s trace goes on, under a span of our own', () => {
    const trace = continueTrace(`00-${traceId}-${spanId}-01`)
    assert.partialDeepStrictEqual(trace, { traceId, parentSpanId: spanId, traceFlags: 1 })
    assert.notEqual(trace.spanId, spanId)
  })

  test('without one a trace begins here, and is not recorded', () => {
    const [one, other] = [continueTrace(undefined), continueTrace(undefined)]
    assert.match(one.traceId, /^[0-9a-f]{32}$/)
    assert.deepEqual([one.parentSpanId, one.traceFlags], [undefined, 0])
    assert.notEqual(one.traceId, other.traceId)
  })

  test('a traceparent that breaks the rules begins a new trace', () => {
    const bad = [
      '', '00', `00-${traceId}-${spanId}`, `00-${traceId}-${spanId}-`, `00-${traceId}-${spanId}-1`, `00-${traceId}-${spanId}-01-`, `00-${traceId}-${spanId}-01-extra`, `00-${traceId}-${spanId}-012`,
      `00-${traceId.toUpperCase()}-${spanId}-01`, `00-${traceId}-${spanId.replace('f', 'g')}-01`, `ff-${traceId}-${spanId}-01`, `0x-${traceId}-${spanId}-01`,
      `00-${'0'.repeat(32)}-${spanId}-01`, `00-${traceId}-${'0'.repeat(16)}-01`, ` 00-${traceId}-${spanId}-01`, `00_${traceId}_${spanId}_01`, `00-${traceId}-${spanId}-0g`, `cc-${traceId}-${spanId}-01x`,
    ]
    for (const value of bad) assert.equal(continueTrace(value).parentSpanId, undefined, value)
  })

  test('a later version is read as far as it is known', () => {
    for (const value of [`cc-${traceId}-${spanId}-01`, `cc-${traceId}-${spanId}-01-what-may-come`]) {
      assert.partialDeepStrictEqual(continueTrace(value), { traceId, parentSpanId: spanId, traceFlags: 1 })
    }
  })

  test('of the flags only the one that is known is passed on', () => {
    assert.equal(continueTrace(`00-${traceId}-${spanId}-ff`).traceFlags, 1)
    assert.equal(continueTrace(`00-${traceId}-${spanId}-fe`).traceFlags, 0)
  })

  test('each attempt is sent with a span id of its own in the same trace', () => {
    const trace = continueTrace(`00-${traceId}-${spanId}-01`)
    const [first, second] = [traceparentOf(trace), traceparentOf(trace)]
    for (const value of [first, second]) assert.match(value, new RegExp(`^00-${traceId}-[0-9a-f]{16}-01$`))
    assert.notEqual(first, second)
    assert.equal(traceparentOf(trace, spanId), `00-${traceId}-${spanId}-01`)
  })

  test('ids are never given twice', () => {
    assert.equal(new Set(Array.from({ length: 20_000 }, newTraceId)).size, 20_000)
    assert.equal(new Set(Array.from({ length: 20_000 }, newSpanId)).size, 20_000)
  })
})
