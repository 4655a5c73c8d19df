import assert from 'node:assert/strict'
import { test } from 'node:test'
import { sayReceipt } from './receipt.ts'

test('a change that every edge runs is told with its time', () => {
  assert.equal(sayReceipt({ revision: 42, edges: { acknowledged: 12, expected: 12, missing: [] }, propagationMs: 38.4 }), 'Revision 42 is in force on 12 of 12 edges in 38 ms.')
})

test('edges that lack it or refuse it are named, and no time is told', () => {
  const edges = { acknowledged: 1, expected: 3, missing: ['edge-2', 'edge-3'], refused: [{ edge: 'edge-3', detail: 'no room' }] }
  assert.equal(sayReceipt({ version: 7, edges, propagationMs: 10 }), 'The change is in force on 1 of 3 edges. Not yet on edge-2, edge-3. edge-3 refused it: no room.')
})

test('a revision that is tried says where, and one that nobody waited for only that it is made', () => {
  assert.equal(sayReceipt({ revision: 3, edges: { acknowledged: 1, expected: 1, missing: [] }, ring: { edges: ['canary'], stable: 2 } }), 'Revision 3 is in force on 1 of 1 edges. It is tried on canary first.')
  assert.equal(sayReceipt({ revision: 3 }), 'Revision 3 is made.')
})
