import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { normalisePath } from './normalise-path.ts'

const cases: readonly (readonly [string, string | undefined])[] = [
  ['/', '/'],
  ['/api/users/42', '/api/users/42'],
  ['/a//b', '/a/b'],
  ['//', '/'],
  ['///a', '/a'],
  ['/a/', '/a/'],
  ['/a//', '/a/'],
  ['/a/./b', '/a/b'],
  ['/a/.', '/a/'],
  ['/a/../b', '/b'],
  ['/a/b/..', '/a/'],
  ['/..', '/'],
  ['/../../etc', '/etc'],
  ['/a//../b', '/b'],
  ['/a/.../b', '/a/.../b'],
  ['/a/.hidden', '/a/.hidden'],
  ['/a/..b', '/a/..b'],
  ['/a/%2e%2E/b', '/b'],
  ['/a/%2e/b', '/a/b'],
  ['/a/.%2e/b', '/b'],
  ['/%61%7Eb', '/a~b'],
  ['/a%2fb', '/a%2Fb'],
  ['/a%2Fb', '/a%2Fb'],
  ['/a/..%2fb', '/a/..%2Fb'],
  ['/a%252e', '/a%252e'],
  ['/%252e%252e/', '/%252e%252e/'],
  ['/caf%c3%a9', '/caf%C3%A9'],
  ['/caf\xc3\xa9', '/caf%C3%A9'],
  ['/a\\..\\b', '/a%5C..%5Cb'],
  ['/a%20b', '/a%20b'],
  ['/a;v=1/b@c:d', '/a;v=1/b@c:d'],
  ['/a%', undefined],
  ['/a%2', undefined],
  ['/a%zz', undefined],
  ['/a%00', undefined],
  ['/a b', undefined],
  ['/a\tb', undefined],
  ['/a\x7f', undefined],
  ['/a#b', undefined],
  ['/a\u0142', undefined],
  ['a/b', undefined],
  ['', undefined],
]

for (const [path, expected] of cases) {
  test(`the path ${JSON.stringify(path)} is read as ${JSON.stringify(expected)}`, () => {
    assert.equal(normalisePath(path), expected)
  })
}

const piece = fc.oneof(
  fc.constantFrom('/', '//', '.', '..', '%2e', '%2E', '%2f', '%2F', '%25', '%41', '%7e', '%c3', '\\', 'a', 'é', '%0a'),
  fc.string({ maxLength: 3 }),
)
const anyPath = fc.array(piece, { maxLength: 20 }).map((pieces) => `/${pieces.join('')}`)

test('normalising a second time changes nothing', () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      const once = normalisePath(path)
      if (once !== undefined) assert.equal(normalisePath(once), once)
    }),
  )
})

test('a normalised path has no dot segment, no empty segment and nothing but visible ASCII', () => {
  fc.assert(
    fc.property(anyPath, (path) => {
      const once = normalisePath(path)
      if (once === undefined) return
      assert.match(once, /^\/[\x21-\x7e]*$/)
      assert.doesNotMatch(once, /\/(\.|%2e){1,2}(\/|$)/i)
      assert.ok(!once.includes('//'))
    }),
  )
})

test('an escaped slash is neither made nor lost', () => {
  const withoutParents = fc.array(
    fc.oneof(fc.constantFrom('%2f', '%2F', '/', '%252f', 'x', '%2e', '.x', '%41'), fc.string({ maxLength: 2 })),
    { maxLength: 20 },
  )
  fc.assert(
    fc.property(withoutParents, (pieces) => {
      const path = `/${pieces.join('')}`
      const once = normalisePath(path)
      if (once === undefined || /(^|\/)(\.|%2e){2}(\/|$)/i.test(path)) return
      assert.equal(once.match(/%2F/g)?.length ?? 0, path.match(/%2f/gi)?.length ?? 0)
    }),
  )
})

test('a path with nothing to do comes back as it was', () => {
  const path = '/api/users/42/orders%2F7'
  assert.equal(normalisePath(path), path)
})
