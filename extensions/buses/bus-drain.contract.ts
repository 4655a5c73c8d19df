import assert from 'node:assert/strict'
import { test } from 'node:test'
import { waitUntil } from '@sluice/testkit'
import { bytes, hasCode, type Network, own, text } from './bus-network.contract.ts'

export function testDrain(openNetwork: () => Promise<Network>): void {
  test('draining takes nothing new and lets a running handler finish and answer', async () => {
    const network = await openNetwork()
    const [leaving, staying] = [await network.join(), await network.join()]
    const subject = own()
    const begun = Promise.withResolvers<void>()
    const mayEnd = Promise.withResolvers<void>()
    const statuses: string[] = []
    leaving.onStatus((status) => void statuses.push(status))
    leaving.subscribe(subject, async (message) => {
      begun.resolve()
      await mayEnd.promise
      message.respond(bytes('finished'))
    })
    await leaving.flush()
    const asked = staying.request(subject, bytes(''), { timeoutMs: 5000 })
    await begun.promise
    const drained = leaving.drain(5000)
    if (leaving !== staying) {
      const isGone = () => staying.request(subject, bytes(''), { timeoutMs: 100 }).then(() => false, hasCode('dependency.no_responder'))
      await waitUntil(isGone)
    }
    mayEnd.resolve()
    assert.equal(text(await asked), 'finished')
    await drained
    assert.equal(leaving.status, 'closed')
    assert.deepEqual(statuses, ['closed'])
    await staying.drain()
    await network.end?.()
  })

  test('draining ends at its timeout when a handler does not', async () => {
    const network = await openNetwork()
    const bus = await network.join()
    const subject = own()
    const begun = Promise.withResolvers<void>()
    bus.subscribe(subject, () => (begun.resolve(), new Promise(() => {})))
    await bus.flush()
    bus.publish(subject, bytes(''))
    await begun.promise
    const start = performance.now()
    await bus.drain(200)
    assert.ok(performance.now() - start < 2000)
    await network.end?.()
  })

  test('a closed bus answers every call without throwing, and says that it cannot be reached', async () => {
    const network = await openNetwork()
    const bus = await network.join()
    await bus.drain()
    await bus.drain()
    const before = bus.counts.dropped
    bus.publish('a.b', bytes(''))
    assert.equal(bus.counts.dropped, before + 1)
    bus.subscribe('a.b', () => {}).unsubscribe()
    await assert.rejects(bus.request('a.b', bytes(''), { timeoutMs: 5000 }), hasCode('dependency.bus_unreachable'))
    await assert.rejects(bus.flush(), hasCode('dependency.bus_unreachable'))
    await network.end?.()
  })
}
