import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite, test, type TestContext } from 'node:test'
import { nameOfSubject, nameOfToken } from '@sluice/proto/token-names'
import { createFakeClock } from '@sluice/testkit'
import { RevokedTokenFile } from './revoked-token-file.ts'
import { RevokedTokens } from './revoked-tokens.ts'

const startMs = Date.UTC(2027, 0, 1)
const iss = 'https://id.example'
const untilMs = startMs + 3_600_000
const token = { name: nameOfToken(iss, 'a'), beforeMs: untilMs, untilMs }
const subject = { name: nameOfSubject(iss, 'alice'), beforeMs: startMs - 1, untilMs }

suite('revoked tokens', () => {
  test('one is refused by its jti, of its issuer alone, and until it would have expired', () => {
    const clock = createFakeClock(startMs)
    const revoked = new RevokedTokens(clock)
    revoked.hear(token, 1)
    assert.equal(revoked.refuses({ iss, jti: 'a' }), true)
    assert.equal(revoked.refuses({ jti: 'a' }, iss), true)
    for (const other of [{ iss, jti: 'b' }, { iss: 'https://other.example', jti: 'a' }, { jti: 'a' }, { iss, sub: 'a' }]) assert.equal(revoked.refuses(other), false, JSON.stringify(other))
    clock.advance(3_600_000)
    assert.equal(revoked.refuses({ iss, jti: 'a' }), false)
    assert.deepEqual([revoked.all(), revoked.size], [[], 0])
  })

  test('those of a subject are refused that were issued before, or that do not say when', () => {
    const revoked = new RevokedTokens(createFakeClock(startMs))
    revoked.hear(subject, 1)
    const issued = (iat?: unknown) => revoked.refuses({ iss, sub: 'alice', jti: 'x', iat })
    assert.deepEqual([issued(startMs / 1000 - 1), issued(undefined), issued('soon'), issued(0)], [true, true, true, true])
    assert.deepEqual([issued(startMs / 1000), revoked.refuses({ iss, sub: 'bob', iat: 1 })], [false, false])
  })

  test('the latest word counts, in whatever order it comes', () => {
    const revoked = new RevokedTokens(createFakeClock(startMs))
    const lifted = { ...token, beforeMs: 0, untilMs: 0 }
    revoked.hear(lifted, 2)
    revoked.hear(token, 1)
    assert.equal(revoked.refuses({ iss, jti: 'a' }), false)
    revoked.hear(token, 3)
    revoked.hear(lifted, 2)
    assert.equal(revoked.refuses({ iss, jti: 'a' }), true)
  })

  test('what is read takes the place of what was known, but not of what was heard meanwhile', () => {
    const revoked = new RevokedTokens(createFakeClock(startMs))
    revoked.hear(token, 1000)
    const mark = revoked.heard
    revoked.hear(subject, 8)
    revoked.replace([{ ...subject, beforeMs: 1 }], 7, mark)
    assert.deepEqual([revoked.refuses({ iss, jti: 'a' }), revoked.refuses({ iss, sub: 'alice', iat: startMs / 1000 - 1 })], [false, true])
    // Another history, whose versions are lower.
    revoked.hear(token, 9)
    assert.equal(revoked.refuses({ iss, jti: 'a' }), true)
  })

  test('of many that ended none stays', () => {
    const clock = createFakeClock(startMs)
    const revoked = new RevokedTokens(clock)
    for (let index = 0; index < 1000; index++) {
      revoked.hear({ name: nameOfToken(iss, `t${index}`), beforeMs: clock.now() + 10, untilMs: clock.now() + 10 }, index + 1)
      clock.advance(10)
    }
    assert.ok(revoked.size <= 100, `${revoked.size}`)
  })
})

async function fileOf(t: TestContext) {
  const directory = await mkdtemp(join(tmpdir(), 'sluice-revoked-'))
  t.after(() => rm(directory, { recursive: true }))
  const warnings: string[] = []
  const path = join(directory, 'deep', 'revoked-tokens.json')
  const open = () => new RevokedTokenFile({ path, logger: { warn: (_, message) => void warnings.push(message) } })
  return { directory, path, open, warnings }
}

suite('their copy on disk', () => {
  test('is what stood last, once it is stopped', async (t) => {
    const { open, warnings } = await fileOf(t)
    const file = open()
    assert.deepEqual(await file.read(), [])
    for (const all of [[token], [token, subject], [subject]]) file.save(() => all)
    await file.stop()
    assert.deepEqual(await open().read(), [subject])
    assert.deepEqual(warnings, [])
  })

  test('that is damaged is told of, and replaced by the next', async (t) => {
    const { open, path, warnings } = await fileOf(t)
    const file = open()
    file.save(() => [token])
    await file.stop()
    await writeFile(path, (await readFile(path, 'utf8')).slice(5))
    const next = open()
    assert.deepEqual(await next.read(), [])
    assert.equal(warnings.length, 1)
    next.save(() => [token])
    await next.stop()
    assert.deepEqual(await open().read(), [token])
  })
})
