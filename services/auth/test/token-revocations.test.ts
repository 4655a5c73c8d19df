import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { nameOfSubject, nameOfToken } from '@sluice/proto/token-names'
import { waitUntil } from '@sluice/testkit'
import { TokenRevocations } from '../src/revocations/token-revocations.ts'
import { sessionOfSubject } from '../src/logins/session-names.ts'
import { asked, openStore, scope, startAuth } from './auth-harness.ts'

const issuer = 'https://id.example'
const inAnHour = () => Date.now() + 3_600_000

suite('revoking tokens', () => {
  test('one is revoked by its jti: listed, and told to the edges with what they need', async (t) => {
    const { bus, heard } = await startAuth(t)
    const untilMs = inAnHour()
    const { version } = await asked.revokeToken(bus, { issuer, jti: 'a', untilMs })
    assert.equal(version, 1)
    const name = nameOfToken(issuer, 'a')
    await waitUntil(() => heard.length === 1)
    const { beforeMs } = heard[0]!.token!
    assert.deepEqual([heard[0]!.credentialId, heard[0]!.token!.name, heard[0]!.token!.untilMs], [name, name, untilMs])
    assert.ok(beforeMs >= Date.now(), 'whenever it was issued')
    const listed = await asked.revokedTokens(bus, {})
    assert.deepEqual([listed.revocations.map((one) => one.name), listed.nextName, listed.version], [[name], '', 1])
  })

  test('those of a subject from before an instant are, and with them sessions of browsers that began before', async (t) => {
    const { bus } = await startAuth(t)
    const issuedBeforeMs = Date.now()
    await asked.revokeToken(bus, { issuer, subject: 'alice', issuedBeforeMs, untilMs: inAnHour() })
    const { revocations } = await asked.revokedTokens(bus, {})
    assert.deepEqual(revocations.map(({ name, beforeMs }) => [name, beforeMs]), [[nameOfSubject(issuer, 'alice'), issuedBeforeMs - 1]])
    const names = [sessionOfSubject(issuer, 'alice')]
    assert.equal((await asked.session(bus, { names, startedAtMs: issuedBeforeMs - 1 })).ended, true)
    assert.equal((await asked.session(bus, { names, startedAtMs: issuedBeforeMs })).ended, false)
  })

  test('a revocation is lifted once, and edges that missed it learn how it stands', async (t) => {
    const { bus, heard } = await startAuth(t)
    await asked.revokeToken(bus, { issuer, jti: 'a', untilMs: inAnHour() })
    assert.equal((await asked.liftToken(bus, { issuer, jti: 'b' })).missing, true)
    assert.deepEqual((({ missing, version }) => [missing, version])(await asked.liftToken(bus, { issuer, jti: 'a' })), [false, 2])
    assert.equal((await asked.liftToken(bus, { issuer, jti: 'a' })).missing, true)
    assert.deepEqual((await asked.revokedTokens(bus, {})).revocations, [])
    await waitUntil(() => heard.length === 2)
    assert.equal(heard[1]!.token!.beforeMs, 0)
    const { changes } = await asked.changes(bus, { afterVersion: 0 })
    assert.deepEqual(changes.map(({ version, token }) => [version, token!.beforeMs]), [[1, 0], [2, 0]])
  })

  test('they are listed page by page', async (t) => {
    const { bus } = await startAuth(t)
    for (const jti of ['c', 'a', 'b']) await asked.revokeToken(bus, { issuer, jti, untilMs: inAnHour() })
    const first = await asked.revokedTokens(bus, { limit: 2 })
    assert.deepEqual(first.revocations.map(({ name }) => name), ['a', 'b'].map((jti) => nameOfToken(issuer, jti)))
    const second = await asked.revokedTokens(bus, { limit: 2, afterName: first.nextName })
    assert.deepEqual([second.revocations.map(({ name }) => name), second.nextName], [[nameOfToken(issuer, 'c')], ''])
  })

  test('what names no token, or an instant that cannot be, is refused', async (t) => {
    const { bus } = await startAuth(t)
    const untilMs = inAnHour()
    const wrong = [{ untilMs }, { jti: 'a', subject: 'b', untilMs }, { jti: 'x'.repeat(513), untilMs }, { jti: 'a' }, { jti: 'a', untilMs: Date.now() - 1 }, { jti: 'a', untilMs: 8e15 }, { subject: 'b', issuedBeforeMs: untilMs + 1, untilMs }]
    for (const message of wrong) await assert.rejects(asked.revokeToken(bus, { issuer, ...message }), { code: 'config.invalid' }, JSON.stringify(message))
  })

  test('no more stand than every edge can hold', async (t) => {
    const store = await openStore(t)
    const tokens = new TokenRevocations({ store, scope, clock: Date, announcer: { announceUpTo: async () => {} }, maxKept: 2 })
    const revoke = (jti: string) => tokens.revoke({ issuer, jti, issuedBeforeMs: 0, untilMs: inAnHour() })
    await revoke('a')
    await revoke('b')
    await assert.rejects(revoke('c'), { code: 'config.invalid', message: /2 revocations of tokens stand/ })
    await tokens.lift({ issuer, jti: 'a' })
    await revoke('c')
  })
})
