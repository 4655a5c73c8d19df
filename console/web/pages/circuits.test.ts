import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Circuit } from '../api/answers.ts'
import { withOthers } from './circuits.ts'

const circuit = (name: string, more: Partial<Circuit> = {}): Circuit => ({ name, state: 'closed', held: null, edges: [], ...more })

test('upstreams of which edges have nothing to tell can be held, too', () => {
  assert.deepEqual(withOthers([circuit('a')], [{ name: 'b' }, { name: 'a' }]).map(({ name, state, held }) => [name, state, held]), [['a', 'closed', null], ['b', 'closed', null]])
})

test('what is open stands first, then what is held', () => {
  const circuits = [circuit('calm'), circuit('held', { held: 'closed' }), circuit('trying', { state: 'half-open' }), circuit('open', { state: 'open' })]
  assert.deepEqual(withOthers(circuits, []).map(({ name }) => name), ['open', 'trying', 'held', 'calm'])
})
