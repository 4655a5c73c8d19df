import assert from 'node:assert/strict'
import { test } from 'node:test'
import { updatedFields } from './updated-fields.ts'

test('what a 304 says takes the place of what stood there, the rest stays', () => {
  const stored = ['Cache-Control', 'max-age=1', 'X-A', '1', 'X-Twice', 'old', 'x-twice', 'older', 'ETag', '"a"']
  assert.deepEqual(updatedFields(stored, ['cache-control', 'max-age=9', 'X-Twice', 'new', 'X-Twice', 'newer', 'X-B', '2']), [
    'X-A', '1', 'ETag', '"a"', 'cache-control', 'max-age=9', 'X-Twice', 'new', 'X-Twice', 'newer', 'X-B', '2',
  ])
})

test('what describes the stored content is not changed by it', () => {
  assert.deepEqual(updatedFields(['Content-Length', '5', 'Content-Type', 'text/plain'], ['Content-Length', '0', 'content-type', 'text/html', 'Content-Encoding', 'gzip']), ['Content-Length', '5', 'Content-Type', 'text/plain'])
})
