import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import type { ExternalQuestion } from '@sluice/policies/policy'
import { createFakeClock, freePort } from '@sluice/testkit'
import { ExternalChecks } from './external-checks.ts'

const question: ExternalQuestion = { requestId: 'r', method: 'GET', scheme: 'http', host: 'h', target: '/', address: '192.0.2.7', headers: ['authorization', 'Bearer secret'] }

suite('a server that decides and cannot be asked', () => {
  for (const kind of ['url', 'grpc'] as const) {
    test(`by ${kind}: is said to be away, is not remembered, and is told of once a minute without what was asked`, async () => {
      const address = `http://127.0.0.1:${await freePort()}/check?key=hidden`
      const clock = createFakeClock()
      const warnings: object[] = []
      const logger = { warn: (facts: object) => void warnings.push(facts) }
      const rules = { url: undefined, grpc: undefined, [kind]: address, timeoutMs: 2000, cacheSeconds: 60 }
      const checks = new ExternalChecks(rules, { consumers: undefined as never, clock, logger })
      for (let round = 0; round < 3; round++) assert.deepEqual(await checks.ask(question, 'alike'), { outcome: 'unavailable' })
      assert.equal(warnings.length, 1)
      assert.doesNotMatch(JSON.stringify(warnings), /secret|hidden/)
      clock.advance(60_000)
      await checks.ask(question, '')
      assert.equal(warnings.length, 2)
    })
  }
})
