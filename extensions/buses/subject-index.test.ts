import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { isPattern, isSubject, SubjectIndex } from './subject-index.ts'

/** The definition, written as one comparison of tokens. */
function matches(pattern: string, subject: string): boolean {
  const [wanted, given] = [pattern.split('.'), subject.split('.')]
  const hasTail = wanted.at(-1) === '>'
  const head = hasTail ? wanted.slice(0, -1) : wanted
  if (hasTail ? given.length <= head.length : given.length !== head.length) return false
  return head.every((token, at) => token === '*' || token === given[at])
}

const token = fc.constantFrom('a', 'b', 'c')
const subject = fc.array(token, { minLength: 1, maxLength: 4 }).map((tokens) => tokens.join('.'))
const pattern = fc
  .tuple(fc.array(fc.oneof(token, fc.constant('*')), { maxLength: 4 }), fc.boolean())
  .map(([tokens, hasTail]) => [...tokens, ...(hasTail || tokens.length === 0 ? ['>'] : [])].join('.'))

test('the index finds what comparing token by token finds, also after some were taken out', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(pattern, fc.boolean()), { maxLength: 12 }), subject, (patterns, sent) => {
      const index = new SubjectIndex<number>()
      const removals = patterns.map(([added], id) => index.add(added, id))
      patterns.forEach(([, isRemoved], id) => isRemoved && removals[id]?.())
      const expected = patterns.flatMap(([added, isRemoved], id) => (!isRemoved && matches(added, sent) ? [id] : []))
      assert.deepEqual(index.match(sent).sort((a, b) => a - b), expected)
    }),
  )
})

test('what can be sent to and what can be subscribed to are told apart', () => {
  for (const good of ['a', 'a.b', 'gw.v1.cfg.hint.default', '=2e-_x']) assert.ok(isSubject(good) && isPattern(good))
  for (const onlyPattern of ['*', '>', 'a.*', '*.b', 'a.>', 'a.*.>']) {
    assert.ok(isPattern(onlyPattern), onlyPattern)
    assert.ok(!isSubject(onlyPattern), onlyPattern)
  }
  for (const neither of ['', '.', 'a.', '.a', 'a..b', 'a b', 'a\n', 'a.>.b', 'a*', '>b', '**', 'x'.repeat(1025)]) {
    assert.ok(!isPattern(neither) && !isSubject(neither), neither)
  }
})
