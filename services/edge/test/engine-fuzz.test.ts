import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { it } from 'node:test'
import { startBothEngines, type EngineOutcome } from './fuzz/both-engines.ts'
import { engineDifferences, explain } from './fuzz/engine-differences.ts'
import { createFuzzCases, ordinaryRequests } from './fuzz/mutations.ts'
import { fuzz } from './fuzz/run.ts'

const laneCount = 16
const firstSeed = 9112
const caseCount = 500

it('the two engines do the same with requests that are nearly right, or differ as the list says', async (t) => {
  const engines = await startBothEngines(t, laneCount)
  const caseOf = createFuzzCases()
  let count = 0
  const { counts, unexplained } = await fuzz(engines, () => (count < caseCount ? caseOf(firstSeed + count++) : undefined))
  assert.deepEqual(unexplained, [], `seeds from ${firstSeed}`)
  assert.ok((counts.get('same') ?? 0) > caseCount / 2, `only ${counts.get('same')} of ${caseCount} were the same`)
})

it('the list of differences is that of the page of decisions', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/decisions/0009-engine-differences.md'), 'utf8')
  const documented = [...page.matchAll(/^\| `([a-z0-9.-]+)` \|/gm)].map((found) => found[1]!)
  assert.deepEqual([...new Set(documented)].sort(), [...new Set(engineDifferences.map(({ id }) => id))].sort())
})

it('a difference that is in no list is not taken for one that is', () => {
  const served: EngineOutcome = { responses: ['200 "ok"'], requests: ['GET /any'], isClosed: false }
  const smuggled: EngineOutcome = { ...served, requests: ['GET /any', 'GET /admin'] }
  const refused: EngineOutcome = { responses: ['400'], requests: [], isClosed: true }
  assert.ok(ordinaryRequests.length >= 16)
  for (const request of ordinaryRequests) {
    assert.equal(explain(request, { own: served, node: served }), 'same')
    assert.equal(explain(request, { own: smuggled, node: served }), undefined, `smuggled by ${request}`)
    assert.equal(explain(request, { own: served, node: smuggled }), undefined, `smuggled by ${request}`)
    // An absolute target is where the engine looks at Host and node:http does not.
    if (!request.includes(' http:')) assert.equal(explain(request, { own: refused, node: served }), undefined, `refused: ${request}`)
  }
})

it('a seed always makes the same case', () => {
  const [one, other] = [createFuzzCases(), createFuzzCases()]
  for (const seed of [1, 2, 3, 9112]) assert.deepEqual(one(seed), other(seed))
})
