/** What `throttleFailures` does, in every policy that has it. Only tests import this file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { fieldValues, refusalOf, type PartsChanges } from './exchange.contract.ts'
import type { Exchange } from './exchange.ts'
import type { HookResult, Verdict } from './policy.ts'

/** Hands an exchange to the policy, compiled with these settings and parts. */
export type RunPolicy = (exchange: Exchange, settings: Record<string, unknown>, changes: PartsChanges) => { readonly result: HookResult | Promise<HookResult> }

/** `withCredential`: an exchange whose credential is checked. */
export function throttleContract(run: RunPolicy, withCredential: () => Exchange): void {
  test('too many attempts that failed are 429 with the time to wait; the address is told unless that is switched off', async () => {
    const seen: (string | undefined)[] = []
    const verdict = (_: string, from: string | undefined): Verdict => (seen.push(from), { outcome: 'throttled', retryAfterSeconds: 7 })
    const refusal = await refusalOf(run(withCredential(), {}, { verdict }).result)
    assert.equal(refusal.code, 'policy.too_many_attempts')
    assert.deepEqual(fieldValues(refusal.headers, 'Retry-After'), ['7'])
    await run(withCredential(), { throttleFailures: false }, { verdict }).result
    assert.deepEqual(seen, ['192.0.2.7', undefined])
  })
}
