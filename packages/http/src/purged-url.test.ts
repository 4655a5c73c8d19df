import assert from 'node:assert/strict'
import { test } from 'node:test'
import { purgedUrl } from './purged-url.ts'

test('a URL has one name, whatever its scheme and however it is spelled', () => {
  for (const text of ['https://API.example.com/a/b?x=1', 'http://api.example.com/a/b?x=1', '//api.example.com:/a/./b?x=1', 'https://api.example.com:443//a/%62?x=1', 'http://api.example.com:80/c/../a/b?x=1']) {
    assert.equal(purgedUrl(text), '//api.example.com/a/b?x=1', text)
  }
  assert.equal(purgedUrl('http://h'), '//h/')
  assert.equal(purgedUrl('http://h?'), '//h/')
  assert.equal(purgedUrl('https://h:80/'), '//h:80/')
  assert.equal(purgedUrl('http://127.0.0.1:8000/a?b=%2F'), '//127.0.0.1:8000/a?b=%2F')
})

test('what is no URL has none', () => {
  for (const text of ['', '/path', 'api.example.com/x', 'ftp://h/x', 'https://', 'https://h/%zz', 'https://a b/', 'https://h/x#y']) assert.equal(purgedUrl(text), undefined, text)
})
