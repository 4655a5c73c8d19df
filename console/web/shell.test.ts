import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Status } from './api/answers.ts'
import { troublesOf } from './shell.ts'

const well: Status = {
  version: '1', principal: { name: 'admin', role: 'admin' }, head: null, edges: { live: 2, leaving: 0, missing: 0, atHead: 2 }, rollout: null, file: null, breakGlass: [], bus: 'connected', store: 'reached', secretStores: { vault: 'reached' },
}

test('of a gateway that is well nothing is told', () => {
  assert.deepEqual(troublesOf(well, undefined), [])
})

test('each thing that is away is told with what that means', () => {
  const troubles = troublesOf({ ...well, bus: 'reconnecting', store: 'away', secretStores: { vault: 'away', kubernetes: 'reached' }, edges: { ...well.edges, missing: 1 } }, 'The admin API does not answer.')
  assert.deepEqual(troubles.map((text) => text.slice(0, 24)), ['What is shown may be old', 'The bus cannot be reache', 'The config store cannot ', 'Stores of secrets that c', '1 edge not heard for 30 '])
  assert.match(troubles[3]!, /: vault\./)
})

test('a token that runs out is told', () => {
  assert.deepEqual(troublesOf({ ...well, secretStores: { vault: 'token-ending', k8s: 'reached' } }, undefined), ['The token that vault is asked with runs out and is not renewed.'])
})

test('what lies over the configuration for a while is told, with who made it', () => {
  const [order = '', tried = ''] = troublesOf({ ...well, breakGlass: [{ id: 'a', summary: 'drain upstream users', madeBy: 'ops', until: '2026-01-02T03:04:05Z' }], rollout: { revision: 7, ring: 1, rings: 2, edges: ['canary'] } }, undefined)
  assert.match(order, /^Break-glass order of ops until .+: drain upstream users\.$/)
  assert.equal(tried, 'Revision 7 is tried on canary (ring 1 of 2).')
})

test('problems of the config file are told, and what waits for a start', () => {
  const file = { path: 'gateway.yaml', state: 'invalid', problems: ['gateway.yaml:3:1: no such setting'], warnings: [], needsRestart: ['admin.address'] }
  assert.deepEqual(troublesOf({ ...well, file }, undefined), ['gateway.yaml:3:1: no such setting', 'admin.address takes effect at the next start.'])
})
