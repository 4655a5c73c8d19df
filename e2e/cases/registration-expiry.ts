// SD1: heartbeats. The instance was registered by `registration.ts`, and nothing has been heard of it since.
import { setTimeout as sleep } from 'node:timers/promises'
import assert from 'node:assert/strict'
import { waitUntil } from '@sluice/testkit'
import type { Case } from './case.ts'
import { register } from './registration.ts'

export const registrationExpiry: Case = {
  name: 'an instance that is silent for long is taken out, one with a heartbeat stays',
  async run(system, t) {
    const stop = new AbortController()
    t.after(() => stop.abort())
    const beat = async () => {
      while (!stop.signal.aborted) {
        await register(system, 'silent', 'alive', 1)
        await sleep(1000, undefined, { signal: stop.signal }).catch(() => undefined)
      }
    }
    const beating = beat()
    await system.apply({ upstreams: { silent: { discovery: { source: 'registration', service: 'silent' } } }, routes: [{ name: 'silent', match: { path: '/silent' }, upstream: 'silent' }] })
    const ids = async () => (await system.admin('GET', '/v1/endpoints?upstream=silent')).json<{ items: { id: string }[] }>().items.map((item) => item.id)
    await waitUntil(async () => !(await ids()).includes('mute'), { timeoutMs: 45_000, everyMs: 200, what: 'the silent instance to be gone' })
    await waitUntil(async () => (await ids()).includes('alive'), { what: 'the other one' })
    assert.deepEqual(await ids(), ['alive'])
    stop.abort()
    await beating
    assert.equal((await system.admin('DELETE', '/v1/endpoints/silent/alive')).status, 204)
  },
}
