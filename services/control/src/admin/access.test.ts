import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { codeOf } from '@sluice/errors'
import { createLogger } from '@sluice/service-kit'
import { type Role, Tokens } from './access.ts'
import { TokenFile } from './token-file.ts'

const sha256 = (token: string) => createHash('sha256').update(token).digest('hex')
const given = (name: string, role: Role, expiresAtMs?: number) => ({ name, role, digest: Buffer.from(sha256(`${name}-token`), 'hex'), expiresAtMs })
const tokens = new Tokens({ admin: 'admin-token-0000', edge: 'edge-token-00000', others: () => [given('reader', 'viewer'), given('ci', 'operator'), given('second', 'admin'), given('old', 'admin', 999)], now: () => 1000 })

function outcome(authorization: string | undefined, needed: Role): string {
  try {
    return tokens.authorise(authorization, needed).name
  } catch (error) {
    return codeOf(error)
  }
}

test('each token opens what its role may, and nothing else', () => {
  const may = (token: string) => (['viewer', 'operator', 'admin', 'edge'] as const).filter((needed) => !outcome(`Bearer ${token}`, needed).startsWith('admin.'))
  assert.deepEqual(may('reader-token'), ['viewer'])
  assert.deepEqual(may('ci-token'), ['viewer', 'operator'])
  assert.deepEqual(may('second-token'), ['viewer', 'operator', 'admin'])
  assert.deepEqual(may('admin-token-0000'), ['viewer', 'operator', 'admin'])
  assert.deepEqual(may('edge-token-00000'), ['edge'])
  assert.equal(outcome('bearer ci-token', 'operator'), 'ci')
  assert.equal(outcome('Bearer ci-token', 'admin'), 'admin.forbidden')
})

test('what is no known bearer token, or has expired, is refused', () => {
  for (const authorization of [undefined, '', 'Bearer', 'Bearer ', 'Basic admin-token-0000', 'admin-token-0000', 'Bearer admin-token-000', `Bearer ${'x'.repeat(5000)}`, 'Bearer undefined', 'Bearer old-token']) {
    assert.equal(outcome(authorization, 'admin'), 'admin.unauthenticated', String(authorization))
  }
})

test('without a token for edges none opens their door', () => {
  const adminOnly = new Tokens({ admin: 'admin-token-0000' })
  assert.throws(() => adminOnly.authorise('Bearer undefined', 'edge'), { code: 'admin.unauthenticated' })
})

test('a file of tokens is read again when it changes; one that was made wrong leaves those from before, and does not start', (t) => {
  const directory = mkdtempSync(join(tmpdir(), 'sluice-tokens-'))
  t.after(() => rmSync(directory, { recursive: true, force: true }))
  const path = join(directory, 'admin-tokens.json')
  const log: string[] = []
  const logger = createLogger('control', { destination: { write: (line: string) => void log.push(line) } })
  const file = new TokenFile(path, 'SLUICE_ADMIN_TOKENS', logger)
  const names = () => file.tokens().map(({ name, role }) => `${name} ${role}`)
  assert.deepEqual(names(), [])
  writeFileSync(path, JSON.stringify([{ name: 'ci', role: 'operator', sha256: sha256('a'), expires: '2027-01-31T00:00:00Z' }]))
  assert.deepEqual(names(), ['ci operator'])
  assert.equal(file.tokens()[0]!.expiresAtMs, Date.parse('2027-01-31T00:00:00Z'))
  const wrong: readonly (readonly [unknown, RegExp])[] = [
    ['nonsense', /it is no JSON/],
    [[{ name: 'ci', role: 'king', sha256: sha256('a') }], /0\.role: viewer, operator or admin/],
    [[{ name: 'admin', role: 'viewer', sha256: sha256('a') }], /a name of its own/],
    [[{ name: 'a', role: 'viewer', sha256: sha256('a') }, { name: 'a', role: 'viewer', sha256: sha256('b') }], /"a" stands in it twice/],
  ]
  for (const [index, [content, problem]] of wrong.entries()) {
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
    assert.deepEqual(names(), ['ci operator'])
    assert.equal(names().length, 1)
    assert.equal(log.filter((line) => line.includes('those from before stay')).length, index + 1, 'told once')
    assert.throws(() => new TokenFile(path, 'SLUICE_ADMIN_TOKENS', logger), problem)
  }
  rmSync(path)
  assert.deepEqual(names(), [])
})
