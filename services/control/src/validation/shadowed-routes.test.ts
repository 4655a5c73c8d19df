import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Route, type RouteMatch, routeMatch } from '@sluice/proto/config'
import { shadowedRoutes } from './shadowed-routes.ts'

type Match = Parameters<typeof routeMatch.parse>[0]

const routesOf = (matches: Record<string, Match>) => Object.entries(matches).map(([name, match]) => route(name, routeMatch.parse(match)))
const route = (name: string, match: RouteMatch) => ({ name, match }) as Route
const namesIn = (routes: readonly Route[]) => shadowedRoutes(routes).map(({ between }) => between?.join(' > '))

test('a hundred thousand routes are looked at in one go, and the two that never match are found', () => {
  const routes: Route[] = []
  for (let index = 0; index < 99_990; index++) {
    const hosts = [`h${index % 1000}.example`]
    const at = Math.floor(index / 1000)
    if (at % 4 === 0) routes.push(route(`p${index}`, { hosts, pathPrefix: `/p${at}` }))
    else if (at % 4 === 1) routes.push(route(`t${index}`, { hosts, path: `/t${at}/{id}/{rest*}` }))
    else if (at % 4 === 2) routes.push(route(`d${index}`, { hosts, path: `/d${at}/{id}/details` }))
    else routes.push(route(`e${index}`, { hosts, path: `/e${at}` }))
  }
  routes.push(route('cut-off', { hosts: ['h7.example'], pathPrefix: '/t1/a/b' }), route('cut-off-too', { hosts: ['h8.example'], pathRegex: '^/p4/.*\\.png$' }))
  assert.deepEqual(namesIn(routes), ['t1007 > cut-off', 'p4008 > cut-off-too'])
})

test('a hundred thousand routes on one host that could be in the way of a prefix are not asked one by one', () => {
  const routes = Array.from({ length: 50_000 }, (_, index) => [route(`t${index}`, { path: `/t${index}/{rest*}`, methods: ['GET'] }), route(`p${index}`, { pathPrefix: `/t${index}/below` })]).flat()
  assert.deepEqual(namesIn([...routes, route('z', { pathPrefix: '/t5/x', methods: ['GET'] })]), ['t5 > z'])
})

test('of very many routes that never match the first two hundred are told', () => {
  const routes = routesOf({ all: { path: '/{rest*}' } })
  for (let index = 0; index < 10_000; index++) routes.push(route(`p${index}`, { pathPrefix: `/p${index}` }))
  assert.equal(shadowedRoutes(routes).length, 200)
})

test('a pattern is compared by what it matches, not by how it is written', () => {
  const pairs: [shadowed: boolean, pattern: string, by: Match][] = [
    [true, '^/files/(?i:[A-Z]+)$', { path: '/files/{name}' }],
    [false, '(?i)^/files/[A-Z]+$', { path: '/files/{name}' }],
    [true, '^/(a|b)/c', { path: '/{first}/{rest*}' }],
    [false, '^/(a|b)?/?c', { path: '/{first}/{rest*}' }],
    [true, '^/x(/[^/]+){2}$', { path: '/x/{a}/{b}' }],
    [false, '^/x(/[^/]+){2,3}$', { path: '/x/{a}/{b}' }],
    [true, '^/x/\\d+(?:/.*)?$', { pathPrefix: '/x' }],
    [false, '^/x', { pathPrefix: '/x' }],
    [true, '^/x\\b(/|$)', { pathPrefix: '/x' }],
    [true, '^/a\\.b$', { path: '/a.b' }],
    [false, '^/a.b$', { path: '/a.b' }],
    [true, '/', { pathPrefix: '/' }],
    [true, 'users', { path: '/{rest*}' }],
  ]
  for (const [shadowed, pattern, by] of pairs) assert.deepEqual(namesIn(routesOf({ pattern: { pathRegex: pattern }, by })), shadowed ? ['by > pattern'] : [], pattern)
})

test('patterns that share a path are found whatever they begin with', () => {
  const pairs: [shared: boolean, one: string, other: string][] = [
    [true, '^/(?:\\bx|y)$', '^/x$'],
    [true, '^/a(?i)b', '^/aB/c'],
    [true, '/a/b$', '^/z/'],
    [true, '^/a(b|$)', '^/a$'],
    [false, '^/ab', '^/ac'],
    [false, '^/a/[0-9]+$', '^/a/[a-z]+$'],
  ]
  for (const [shared, one, other] of pairs) assert.equal(namesIn(routesOf({ one: { pathRegex: one }, other: { pathRegex: other } })).length, shared ? 1 : 0, `${one} ${other}`)
})

test('two hundred patterns on one host are told apart by what they begin with', () => {
  const routes = Array.from({ length: 200 }, (_, index) => route(`r${index}`, { pathRegex: `^/service-${index}/[a-z0-9-]+/items/([0-9]{1,8})(\\.json)?$` }))
  assert.deepEqual(namesIn([...routes, route('a', { pathRegex: '^/service-7/[a-z]+/items/5$' })]), ['a > r7'])
})

test('patterns too large to compare are not reported, and do not keep the check', () => {
  const grown = (letter: string) => `^/(a|b)*${letter}(a|b){14}$`
  assert.deepEqual(namesIn(routesOf({ one: { pathRegex: grown('a') }, two: { pathRegex: grown('b') }, three: { path: '/{a}/{b}' } })), [])
})
