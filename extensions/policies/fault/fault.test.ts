import assert from 'node:assert/strict'
import { mock, test } from 'node:test'
import { exchangeOf, refusalOf } from '../exchange.contract.ts'
import { policyContract, problemsOf, settingsOf } from '../policy.contract.ts'
import type { HookResult, Policy } from '../policy.ts'
import * as module from './fault.ts'
import { schema } from './schema.ts'

policyContract({ schema, module, from: import.meta.url, examples: [{ abortStatus: 503 }], required: '' })

const compile = (settings: Record<string, unknown>): Policy => module.compile(settingsOf(schema, settings))

test('a request fails with the status that is set', async () => {
  const refusal = await refusalOf(compile({ abortStatus: 418 }).onRequest!(exchangeOf()))
  assert.deepEqual([refusal.code, refusal.status], ['policy.fault_injected', 418])
})

test('it befalls as many requests as it is set to', () => {
  const failures = (percent: number, requests: number) => {
    const policy = compile({ abortStatus: 500, percent })
    return Array.from({ length: requests }, () => policy.onRequest!(exchangeOf())).filter((result) => result !== undefined).length
  }
  assert.equal(failures(0, 1000), 0)
  assert.equal(failures(100, 1000), 1000)
  // Six standard deviations on either side.
  const some = failures(20, 10_000)
  assert.ok(some > 1760 && some < 2240, String(some))
})

for (const [settings, ends] of [[{ delayMs: 500 }, undefined], [{ delayMs: 500, abortStatus: 500 }, 'refusal']] as const) {
  test(`a request is held, and then ${ends === undefined ? 'goes on' : 'fails'}`, async () => {
    mock.timers.enable({ apis: ['setTimeout'] })
    try {
      let result: HookResult | 'held' = 'held'
      const holding = (compile(settings).onRequest!(exchangeOf()) as Promise<HookResult>).then((decision) => (result = decision))
      mock.timers.tick(499)
      await Promise.resolve()
      assert.equal(result, 'held')
      mock.timers.tick(1)
      await holding
      assert.equal((result as unknown as HookResult)?.kind, ends)
    } finally {
      mock.timers.reset()
    }
  })
}

test('a client that leaves is not held any longer', async () => {
  const policy = compile({ delayMs: 60_000 })
  const exchange = exchangeOf()
  const holding = policy.onRequest!(exchange)
  policy.onDone!(exchange)
  assert.equal((await refusalOf(holding)).code, 'client.aborted')
})

for (const settings of [{}, { percent: 50 }, { abortStatus: 200 }, { abortStatus: 600 }, { delayMs: 60_001 }, { delayMs: 1, percent: 101 }, { delayMs: 1, percent: -1 }]) {
  test(`${JSON.stringify(settings)} is a problem at check`, () => {
    assert.ok(problemsOf(schema, settings).length > 0)
  })
}
