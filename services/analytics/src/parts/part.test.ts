import assert from 'node:assert/strict'
import { test } from 'node:test'
import { partOfEdge, partSetting } from './part.ts'

test('each edge belongs to one part, and each part has about its share', () => {
  const edges = Array.from({ length: 900 }, (_, index) => `edge-${index}.example.com`)
  for (const parts of [1, 2, 3, 7]) {
    const shares = Array.from({ length: parts }, (_, index) => edges.filter((edge) => partOfEdge(edge, parts) === index + 1).length)
    assert.equal(shares.reduce((sum, share) => sum + share, 0), edges.length)
    for (const share of shares) assert.ok(Math.abs(share - edges.length / parts) < edges.length / parts / 3, `${shares} of ${edges.length}`)
  }
})

test('a part is written as 2/3', () => {
  assert.deepEqual(partSetting.parse('2/3'), { index: 2, of: 3 })
  for (const wrong of ['', '0/3', '4/3', '2', '1/100', 'a/b']) assert.match(partSetting.safeParse(wrong).error?.issues[0]?.message ?? '', /expected a part such as 2\/3/, wrong)
})
