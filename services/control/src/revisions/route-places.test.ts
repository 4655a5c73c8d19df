import assert from 'node:assert/strict'
import { test } from 'node:test'
import { placeOfRoute, withRoute } from './route-places.ts'

const named = (name: string, version = 0) => ({ name, version })
const namesOf = (routes: readonly { name: string }[]) => routes.map(({ name }) => name)

test('routes are found where they stand, in every list that was made of another', () => {
  const first = ['a', 'b', 'c'].map((name) => named(name))
  const withD = withRoute(first, -1, named('d'))
  const withE = withRoute(first, -1, named('e'))
  const newB = withRoute(withD, placeOfRoute(withD, 'b'), named('b', 1))
  const withBoth = withRoute(withE, -1, named('d'))
  for (const routes of [first, withD, withE, newB, withBoth]) {
    for (const name of ['a', 'b', 'c', 'd', 'e', 'f']) assert.equal(placeOfRoute(routes, name), namesOf(routes).indexOf(name), `${name} in ${namesOf(routes).join('')}`)
  }
  assert.deepEqual([newB[1], withD[1]], [named('b', 1), named('b')])
  assert.deepEqual([namesOf(withBoth), namesOf(newB)], [['a', 'b', 'c', 'e', 'd'], ['a', 'b', 'c', 'd']])
})

test('what a random row of edits has made is found as by looking at each', () => {
  let seed = 7
  const random = (below: number) => (seed = (seed * 48271) % 2147483647) % below
  const lists = [[named('r0')]]
  for (let edit = 0; edit < 400; edit++) {
    const from = lists[random(lists.length)]!
    const name = `r${random(60)}`
    const gone = random(5) === 0 ? from.toSpliced(random(from.length), 1) : undefined
    lists.push(gone ?? withRoute(from, namesOf(from).indexOf(name), named(name, edit)))
    for (const routes of [from, lists.at(-1)!, lists[random(lists.length)]!]) assert.equal(placeOfRoute(routes, name), namesOf(routes).indexOf(name))
  }
})
