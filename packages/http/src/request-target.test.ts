import assert from 'node:assert/strict'
import { test } from 'node:test'
import { splitTarget } from './request-target.ts'

test('an ordinary target is split at its first question mark', () => {
  assert.deepEqual(splitTarget('/a/b?x=1?y'), { path: '/a/b', query: 'x=1?y', authority: undefined })
})

test('a target without a query has an empty one', () => {
  assert.deepEqual(splitTarget('/a'), { path: '/a', query: '', authority: undefined })
})

test('an absolute target brings its own authority', () => {
  assert.deepEqual(splitTarget('HTTP://api.example.com:8080/a?x'), { path: '/a', query: 'x', authority: 'api.example.com:8080' })
  assert.deepEqual(splitTarget('https://api.example.com'), { path: '/', query: '', authority: 'api.example.com' })
  assert.deepEqual(splitTarget('http://api.example.com?x=/1'), { path: '/', query: 'x=/1', authority: 'api.example.com' })
  assert.deepEqual(splitTarget('http://[::1]:80/'), { path: '/', query: '', authority: '[::1]:80' })
})

test('the asterisk is for OPTIONS alone', () => {
  assert.deepEqual(splitTarget('*', 'OPTIONS'), { path: '*', query: '', authority: undefined })
  assert.equal(splitTarget('*', 'GET'), undefined)
})

test('two leading slashes are a path, not an authority', () => {
  assert.deepEqual(splitTarget('//evil.example/a'), { path: '//evil.example/a', query: '', authority: undefined })
})

for (const target of ['', 'a/b', 'example.com:443', 'ftp://example.com/', 'http:///a', 'http://user@host/', 'http://host:99999/', '/a#b', '/a?b#c', 'http://']) {
  test(`${JSON.stringify(target)} is no request target`, () => {
    assert.equal(splitTarget(target, 'OPTIONS'), undefined)
  })
}
