import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { exchangeOf } from './exchange.contract.ts'
import { HeldExchanges } from './held-exchanges.ts'

function withTimers(run: () => void | Promise<void>): () => Promise<void> {
  return async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      await run()
    } finally {
      mock.timers.reset()
    }
  }
}

test('an exchange goes on when its time is over, and not before', withTimers(async () => {
  const held = new HeldExchanges()
  let result: unknown = 'still held'
  const holding = held.hold(exchangeOf(), 99.5, () => assert.fail())!.then((decision) => (result = decision))
  mock.timers.tick(99)
  await Promise.resolve()
  assert.equal(result, 'still held')
  mock.timers.tick(1)
  await holding
  assert.equal(result, undefined)
  assert.equal(held.size, 0)
}))

test('an exchange that is over meanwhile ends at once, and its place is told', withTimers(async () => {
  const held = new HeldExchanges()
  const exchange = exchangeOf()
  let left = 0
  const holding = held.hold(exchange, 1000, () => left++)!
  held.release(exchangeOf())
  assert.equal(left, 0)
  held.release(exchange)
  held.release(exchange)
  assert.equal(left, 1)
  assert.equal((await holding)?.kind, 'refusal')
  assert.equal(held.size, 0)
}))

test('an exchange that is over already is not held', async () => {
  const held = new HeldExchanges()
  let left = 0
  const decision = await held.hold({ ...exchangeOf(), isOver: true }, 1000, () => left++)
  assert.deepEqual([decision?.kind, left, held.size], ['refusal', 1, 0])
})

test('no more than ten thousand are held at once, whichever policies hold them', withTimers(async () => {
  const [one, another] = [new HeldExchanges(), new HeldExchanges()]
  const exchanges = Array.from({ length: 10_000 }, () => exchangeOf())
  for (const [index, exchange] of exchanges.entries()) assert.ok((index % 2 === 0 ? one : another).hold(exchange, 1000, () => undefined))
  assert.equal(one.hold(exchangeOf(), 1000, () => undefined), undefined)
  another.release(exchanges[1]!)
  assert.ok(one.hold(exchangeOf(), 1000, () => undefined))
  mock.timers.tick(1000)
  for (const exchange of exchanges) another.release(exchange)
  assert.deepEqual([one.size, another.size], [0, 0])
}))
