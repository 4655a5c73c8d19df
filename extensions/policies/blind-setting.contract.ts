/** What `whenBlind` does with credentials that are good. Only tests import this file. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { identityOf, refusalOf } from './exchange.contract.ts'
import type { Exchange } from './exchange.ts'
import type { RunPolicy } from './throttle-setting.contract.ts'

/** `withCredential`: an exchange whose credential is checked. */
export function blindContract(run: RunPolicy, withCredential: () => Exchange): void {
  test('an edge that hears nothing of revocations goes by what it remembers, or not, as it is set', async () => {
    const verdict = { outcome: 'valid', identity: identityOf() } as const
    assert.equal(run(withCredential(), {}, { verdict, isBlind: true }).result, undefined)
    assert.equal(run(withCredential(), { whenBlind: 'refuse' }, { verdict }).result, undefined)
    const blind = withCredential()
    assert.equal((await refusalOf(run(blind, { whenBlind: 'refuse' }, { verdict, isBlind: true }).result)).code, 'dependency.auth_unreachable')
    assert.equal(blind.identity, undefined)
  })
}
