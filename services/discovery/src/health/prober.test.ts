import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ActiveHealth } from '@sluice/proto/config'
import { MetricsRegistry } from '@sluice/service-kit'
import { afterPromise, answer, startUpstream, waitUntil } from '@sluice/testkit'
import { Prober } from './prober.ts'
import { Verdict } from './verdict.ts'

const settings: ActiveHealth = { kind: 'http', service: '', path: '/', intervalSeconds: 0.1, timeoutMs: 5000, unhealthyAfter: 2, healthyAfter: 2 }

suite('the prober', () => {
  test('an endpoint that fails is out, and back when it works again', async (t) => {
    const upstream = await startUpstream(t, answer(500))
    const prober = new Prober(new MetricsRegistry())
    t.after(() => prober.stop())
    const verdict = new Verdict()
    let changes = 0
    prober.add({ target: { url: upstream.url, host: undefined, timeoutMs: 1000 }, settings, verdict, onVerdict: () => changes++ })
    await waitUntil(() => !verdict.isHealthy)
    assert.equal(changes, 1)
    upstream.does(answer(200))
    await waitUntil(() => verdict.isHealthy)
    assert.equal(changes, 2)
  })

  test('an endpoint that was taken away is not probed any more', async (t) => {
    const upstream = await startUpstream(t)
    const prober = new Prober(new MetricsRegistry())
    t.after(() => prober.stop())
    const target = { url: upstream.url, host: undefined, timeoutMs: 1000 }
    const probing = prober.add({ target, settings, verdict: new Verdict(), onVerdict: () => {} })
    await waitUntil(() => upstream.requests.length > 0)
    probing.stop()
    const other = await startUpstream(t)
    prober.add({ target: { ...target, url: other.url }, settings, verdict: new Verdict(), onVerdict: () => {} })
    const before = upstream.requests.length
    await waitUntil(() => other.requests.length >= 3)
    // One may have been under way when it was taken away.
    assert.ok(upstream.requests.length <= before + 1)
  })

  test('a probe that somebody asks for comes long before it is due, and not twice', async (t) => {
    const upstream = await startUpstream(t, answer(200))
    const prober = new Prober(new MetricsRegistry())
    t.after(() => prober.stop())
    const slow = { ...settings, intervalSeconds: 3600 }
    const probing = prober.add({ target: { url: upstream.url, host: undefined, timeoutMs: 1000 }, settings: slow, verdict: new Verdict(), onVerdict: () => {} })
    await waitUntil(() => upstream.requests.length === 1)
    for (let times = 0; times < 10; times++) probing.hurry()
    await waitUntil(() => upstream.requests.length === 2)
    assert.ok(upstream.requests[1]!.at - upstream.requests[0]!.at >= 990)
  })

  test('one that is asked for while another is under way follows it: that may have been sent before there was reason to doubt', async (t) => {
    const gate = Promise.withResolvers<void>()
    const upstream = await startUpstream(t, afterPromise(gate.promise, answer(200)))
    const prober = new Prober(new MetricsRegistry())
    t.after(() => prober.stop())
    const slow = { ...settings, intervalSeconds: 3600 }
    const probing = prober.add({ target: { url: upstream.url, host: undefined, timeoutMs: 60_000 }, settings: slow, verdict: new Verdict(), onVerdict: () => {} })
    await waitUntil(() => upstream.requests.length === 1)
    probing.hurry()
    gate.resolve()
    await waitUntil(() => upstream.requests.length === 2)
  })

  test('never more than 64 probes are under way, and the others have their turn', async (t) => {
    const gate = Promise.withResolvers<void>()
    const upstream = await startUpstream(t, afterPromise(gate.promise, answer(200)))
    const metrics = new MetricsRegistry()
    const prober = new Prober(metrics)
    t.after(() => prober.stop())
    const waiting = () => metrics.snapshot().find(({ name }) => name === 'sluice_probes_waiting')?.series[0]?.value
    for (let i = 0; i < 100; i++) {
      prober.add({ target: { url: `${upstream.url}/${i}`, host: undefined, timeoutMs: 5000 }, settings: { ...settings, intervalSeconds: 60 }, verdict: new Verdict(), onVerdict: () => {} })
    }
    await waitUntil(() => waiting() === 36)
    await waitUntil(() => upstream.requests.length === 64)
    assert.equal(upstream.connections.open, 64)
    gate.resolve()
    await waitUntil(() => upstream.requests.length === 100)
    assert.equal(waiting(), 0)
  })
})
