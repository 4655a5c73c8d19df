import assert from 'node:assert/strict'
import { test } from 'node:test'
import { HeaderFields } from './header-fields.ts'
import { isNotModified, rangeCounts } from './preconditions.ts'

const stored = new HeaderFields(['ETag', '"one"', 'Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT', 'Date', 'Sun, 06 Nov 1994 09:00:00 GMT'])
const notModified = (...fields: string[]) => isNotModified(new HeaderFields(fields), stored)
const counts = (condition: string, of = stored) => rangeCounts(new HeaderFields(['If-Range', condition]), of)

test('one of the tags in If-None-Match is enough, compared weakly', () => {
  for (const list of ['"one"', 'W/"one"', '"zero", W/"one" , "two"', '*', '"with, comma", "one"']) assert.equal(notModified('If-None-Match', list), true, list)
  for (const list of ['"One"', '"two"', 'one', '', '"one']) assert.equal(notModified('If-None-Match', list), false, list)
  assert.equal(isNotModified(new HeaderFields(['If-None-Match', '"w"']), new HeaderFields(['ETag', 'W/"w"'])), true)
  assert.equal(isNotModified(new HeaderFields(['If-None-Match', '"x"']), new HeaderFields()), false)
})

test('If-Modified-Since counts when there is no If-None-Match', () => {
  assert.equal(notModified('If-Modified-Since', 'Sun, 06 Nov 1994 08:49:37 GMT'), true)
  assert.equal(notModified('If-Modified-Since', 'Sun, 06 Nov 1994 08:49:36 GMT'), false)
  assert.equal(notModified('If-Modified-Since', 'yesterday'), false)
  assert.equal(notModified('If-None-Match', '"two"', 'If-Modified-Since', 'Sun, 06 Nov 1994 08:49:37 GMT'), false)
})

test('without Last-Modified the response\'s Date stands in for it', () => {
  const dated = new HeaderFields(['Date', 'Sun, 06 Nov 1994 09:00:00 GMT'])
  assert.equal(isNotModified(new HeaderFields(['If-Modified-Since', 'Sun, 06 Nov 1994 09:00:00 GMT']), dated), true)
  assert.equal(isNotModified(new HeaderFields(['If-Modified-Since', 'Sun, 06 Nov 1994 08:59:59 GMT']), dated), false)
  assert.equal(isNotModified(new HeaderFields(['If-Modified-Since', 'Sun, 06 Nov 1994 09:00:00 GMT']), new HeaderFields()), false)
})

test('If-Range is compared strongly', () => {
  assert.equal(rangeCounts(new HeaderFields(), stored), true)
  assert.equal(counts('"one"'), true)
  assert.equal(counts('"two"'), false)
  assert.equal(counts('W/"one"'), false)
  assert.equal(counts('W/"one"', new HeaderFields(['ETag', 'W/"one"'])), false)
  assert.equal(counts('Sun, 06 Nov 1994 08:49:37 GMT'), true)
  assert.equal(counts('Sun, 06 Nov 1994 08:49:38 GMT'), false)
})

test('a date as young as the response tells no versions apart', () => {
  const young = new HeaderFields(['Last-Modified', 'Sun, 06 Nov 1994 08:49:37 GMT', 'Date', 'Sun, 06 Nov 1994 08:49:37 GMT'])
  assert.equal(counts('Sun, 06 Nov 1994 08:49:37 GMT', young), false)
})
