import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { HeaderFields } from '@sluice/http'
import { routeMatch } from '@sluice/proto/config'
import type { z } from 'zod'
import { findRoute } from './find-route.ts'
import { Router } from './router.ts'

type MatchInput = z.input<typeof routeMatch>

function routerOf(routes: Record<string, MatchInput>, order: 'given' | 'reversed' = 'given') {
  const list = Object.entries(routes).map(([name, match]) => ({ name, match: routeMatch.parse(match) }))
  return new Router(order === 'given' ? list : list.reverse())
}

interface Asked {
  method?: string
  host?: string
  port?: number
  query?: string
  headers?: string[]
  client?: string
}

function find(router: ReturnType<typeof routerOf>, path: string, asked: Asked = {}) {
  const { method = 'GET', host = 'api.example.com', port = 80, query = '', headers = [], client = '192.0.2.1' } = asked
  return findRoute(router, { method, headers: new HeaderFields(headers), host, port, path, query }, client)
}

function expectRoute(routes: Record<string, MatchInput>, path: string, expected: string | undefined, asked: Asked = {}) {
  for (const order of ['given', 'reversed'] as const) {
    assert.equal(find(routerOf(routes, order), path, asked).route?.name, expected, `${path} with the routes ${order}`)
  }
}

describe('paths', () => {
  const routes = {
    exact: { path: '/users/me' },
    parameter: { path: '/users/{id}' },
    nested: { path: '/users/{id}/orders/{order}' },
    literalFirst: { path: '/users/me/{part}/last' },
    literalLast: { path: '/users/{id}/{part}/last' },
    tail: { path: '/files/{rest*}' },
    deepTail: { path: '/files/{owner}/private/{rest*}' },
    prefix: { pathPrefix: '/api' },
    longPrefix: { pathPrefix: '/api/v2/' },
    regex: { pathRegex: '^/x/[0-9]+$' },
  } satisfies Record<string, MatchInput>
  const cases: [string, string | undefined][] = [
    ['/users/me', 'exact'],
    ['/users/17', 'parameter'],
    ['/users/', undefined],
    ['/users', undefined],
    ['/users/17/', undefined],
    ['/users/17/orders/4', 'nested'],
    ['/users/me/a/last', 'literalFirst'],
    ['/users/you/a/last', 'literalLast'],
    ['/files/a/b', 'tail'],
    ['/files/', 'tail'],
    ['/files', undefined],
    ['/files/ann/private/a/b', 'deepTail'],
    ['/files/ann/private/', 'deepTail'],
    ['/files/ann/private', 'tail'],
    ['/api', 'prefix'],
    ['/api/', 'prefix'],
    ['/api/x/y', 'prefix'],
    ['/apiary', undefined],
    ['/api/v2', 'prefix'],
    ['/api/v2/', 'longPrefix'],
    ['/api/v2/x', 'longPrefix'],
    ['/x/12', 'regex'],
    ['/x/ab', undefined],
    ['/x/1%2F2', undefined],
    ['/', undefined],
  ]
  for (const [path, expected] of cases) {
    it(`${path} goes to ${expected ?? 'no route'}, in whatever order the routes stand`, () => expectRoute(routes, path, expected))
  }

  it('parameters hold their segments, a tail the rest', () => {
    const router = routerOf(routes)
    assert.deepEqual(find(router, '/users/17/orders/4').parameters, { id: '17', order: '4' })
    assert.deepEqual(find(router, '/files/ann/private/a/b%2Fc').parameters, { owner: 'ann', rest: 'a/b%2Fc' })
    assert.deepEqual(find(router, '/files/').parameters, { rest: '' })
  })

  it('a prefix of "/" takes every path, after everything else', () => {
    expectRoute({ all: { pathPrefix: '/' }, regex: { pathRegex: '^/x' }, one: { path: '/a' } }, '/anything', 'all')
    expectRoute({ all: { pathPrefix: '/' }, none: {} }, '/anything', 'all')
  })

  it('a value that a dead end took is forgotten', () => {
    const router = routerOf({ deep: { path: '/{a}/x/{b}/y' }, shallow: { path: '/{a}/{b}/{c}/z' } })
    assert.deepEqual(find(router, '/1/x/2/z').parameters, { a: '1', b: 'x', c: '2' })
  })
})

describe('hosts', () => {
  const routes = {
    exact: { hosts: ['api.example.com'], pathPrefix: '/' },
    port: { hosts: ['api.example.com:8443'], pathPrefix: '/' },
    wildcard: { hosts: ['*.example.com'], pathPrefix: '/' },
    longer: { hosts: ['*.api.example.com'], pathPrefix: '/' },
    any: { pathPrefix: '/' },
  } satisfies Record<string, MatchInput>
  const cases: [string, number, string][] = [
    ['api.example.com', 80, 'exact'],
    ['api.example.com', 8443, 'port'],
    ['www.example.com', 80, 'wildcard'],
    ['a.b.example.com', 80, 'wildcard'],
    ['v1.api.example.com', 80, 'longer'],
    ['example.com', 80, 'any'],
    ['other.test', 80, 'any'],
  ]
  for (const [host, port, expected] of cases) {
    it(`${host}:${port} goes to ${expected}`, () => expectRoute(routes, '/x', expected, { host, port }))
  }

  it('a host without a matching path falls through to the next host', () => {
    expectRoute({ exact: { hosts: ['api.example.com'], path: '/a' }, any: { path: '/b' } }, '/b', 'any')
  })
})

describe('conditions', () => {
  it('more conditions come first, and a failing one leads to the next candidate', () => {
    const routes = {
      plain: { path: '/a' },
      versioned: { path: '/a', headers: { 'X-Version': '2' } },
      both: { path: '/a', headers: { 'X-Version': '2' }, query: { beta: 'true' } },
    } satisfies Record<string, MatchInput>
    expectRoute(routes, '/a', 'plain')
    expectRoute(routes, '/a', 'versioned', { headers: ['x-version', '2'] })
    expectRoute(routes, '/a', 'both', { headers: ['x-version', '2'], query: 'x=1&beta=true' })
    expectRoute(routes, '/a', 'plain', { query: 'beta=true' })
  })

  it('a star asks for presence and a tilde for a pattern', () => {
    const routes = { present: { path: '/a', query: { q: '*' } }, pattern: { path: '/b', headers: { accept: '~json$' } } } satisfies Record<string, MatchInput>
    expectRoute(routes, '/a', 'present', { query: 'q' })
    expectRoute(routes, '/a', undefined, { query: 'p=q' })
    expectRoute(routes, '/b', 'pattern', { headers: ['Accept', 'application/json'] })
    expectRoute(routes, '/b', undefined, { headers: ['Accept', 'application/xml'] })
  })

  it('addresses choose by the client', () => {
    const routes = { inside: { path: '/a', addresses: ['10.0.0.0/8', '2001:db8::/32'] }, outside: { path: '/a' } } satisfies Record<string, MatchInput>
    expectRoute(routes, '/a', 'inside', { client: '10.1.2.3' })
    expectRoute(routes, '/a', 'inside', { client: '2001:db8::5' })
    expectRoute(routes, '/a', 'outside', { client: '11.1.2.3' })
  })

  it('of several patterns that the path is like, more conditions come first, then the name', () => {
    const patterns = { z: { pathRegex: '^/a' }, y: { pathRegex: '^/a/b', methods: ['GET', 'PUT'] }, x: { pathRegex: '/b$' } } satisfies Record<string, MatchInput>
    expectRoute(patterns, '/a/b', 'y')
    expectRoute(patterns, '/a/b', 'x', { method: 'POST' })
    expectRoute(patterns, '/a/c', 'z', { method: 'POST' })
  })
  it('of two equal routes the first by name wins', () => {
    expectRoute({ zebra: { path: '/a' }, ant: { path: '/a' } }, '/a', 'ant')
  })
})

describe('groups', () => {
  const alternatives = (routes: Record<string, MatchInput>, path: string, question = {}) => find(routerOf(routes), path, question).alternatives?.map(({ name }) => name)

  it('routes that are alike but for their groups are told together, the one for everybody last', () => {
    const routes = { rest: { path: '/a/{id}' }, silver: { path: '/a/{id}', groups: ['silver'] }, gold: { path: '/a/{id}', groups: ['gold'] } } satisfies Record<string, MatchInput>
    assert.deepEqual(alternatives(routes, '/a/7'), ['gold', 'silver', 'rest'])
    assert.deepEqual(find(routerOf(routes), '/a/7').parameters, { id: '7' })
  })

  it('one that differs in something else is none of them, and more conditions come first', () => {
    const routes = { rest: { path: '/a' }, gold: { path: '/a', groups: ['gold'] }, beta: { path: '/a', query: { beta: '*' } }, prefix: { pathPrefix: '/' } } satisfies Record<string, MatchInput>
    assert.deepEqual(alternatives(routes, '/a'), ['gold', 'rest'])
    assert.equal(alternatives(routes, '/a', { query: 'beta=1' }), undefined)
    expectRoute(routes, '/a', 'beta', { query: 'beta=1' })
  })

  it('without one for everybody there are only those with groups', () => {
    assert.deepEqual(alternatives({ gold: { path: '/a', groups: ['gold'] }, other: { pathPrefix: '/a' } }, '/a'), ['gold'])
  })

  it('a route without groups is told alone', () => {
    assert.equal(alternatives({ plain: { path: '/a' } }, '/a'), undefined)
  })
})

describe('methods', () => {
  const routes = { read: { path: '/a', methods: ['GET'] }, write: { path: '/a', methods: ['POST', 'PUT'] } } satisfies Record<string, MatchInput>

  it('GET admits HEAD', () => expectRoute(routes, '/a', 'read', { method: 'HEAD' }))

  it('a path that exists for other methods names them', () => {
    const found = find(routerOf(routes), '/a', { method: 'DELETE' })
    assert.equal(found.route, undefined)
    assert.deepEqual([...(found.allowed ?? [])].sort(), ['GET', 'POST', 'PUT'])
  })

  it('a path that does not exist names none', () => {
    assert.equal(find(routerOf(routes), '/b', { method: 'DELETE' }).allowed, undefined)
  })

  it('a preflight goes to the route of the method it asks for', () => {
    const headers = ['Origin', 'https://app.example.com', 'Access-Control-Request-Method', 'PUT']
    expectRoute(routes, '/a', 'write', { method: 'OPTIONS', headers })
    expectRoute(routes, '/a', undefined, { method: 'OPTIONS' })
  })
})
