/**
 * What a check costs, measured; the figures of the README come from here: `node --test packages/verifier/test/cost.test.ts`.
 * The bounds are far from the figures, so that only a change of kind breaks them.
 */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, suite, test, type TestContext } from 'node:test'
import { SignJWT } from 'jose'
import { createTokenChecker, createVerifier, fixedKeys, parseKeySet, parseToken, type TokenChecker, type Verifier } from '../src/index.ts'

const clock = { now: () => Date.now(), monotonic: () => performance.now() }
const rules = { issuer: 'https://id.example', audiences: ['api'], leewaySeconds: 30, requiredClaims: [] }
const pairs = {
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  EdDSA: generateKeyPairSync('ed25519'),
}
type Measured = keyof typeof pairs

/** CPU µs a piece: of this thread, and of all. */
async function measure(pieces: number, work: () => void | Promise<void>) {
  const before = [process.threadCpuUsage(), process.cpuUsage()] as const
  await work()
  const main = process.threadCpuUsage(before[0])
  const all = process.cpuUsage(before[1])
  return { main: (main.user + main.system) / pieces, all: (all.user + all.system) / pieces }
}

function mint(algorithm: Measured, count: number): Promise<string[]> {
  const sign = (sub: string) => new SignJWT({ iss: 'https://id.example', aud: 'api', sub, scope: 'orders:read orders:write' })
    .setProtectedHeader({ alg: algorithm, kid: 'a' }).setExpirationTime('1h').sign(pairs[algorithm].privateKey)
  return Promise.all(Array.from({ length: count }, (_, index) => sign(`consumer-${index}`)))
}

function checkerFor(algorithm: Measured, verifier: Verifier): TokenChecker {
  const keys = parseKeySet(JSON.stringify({ keys: [{ ...pairs[algorithm].publicKey.export({ format: 'jwk' }), kid: 'a' }] }), { algorithms: [algorithm], origin: 'fetched' })
  return createTokenChecker({ rules: { ...rules, algorithms: [algorithm] }, keys: fixedKeys(keys), verifier, clock })
}

async function checkAll(checker: TokenChecker, tokens: readonly string[], atOnce: number): Promise<void> {
  for (let from = 0; from < tokens.length; from += atOnce) {
    const verdicts = await Promise.all(tokens.slice(from, from + atOnce).map((token) => checker.check(token)))
    assert.ok(verdicts.every((verdict) => verdict.outcome === 'valid'))
  }
}

const say = (t: TestContext, what: string, { main, all }: { main: number; all: number }) =>
  t.diagnostic(`${what}: ${main.toFixed(1)} µs of the event loop, ${all.toFixed(1)} µs of all threads`)

suite('the cost of a token', () => {
  let verifier: Verifier
  before(async () => {
    verifier = createVerifier()
    await verifier.warm()
  })
  after(() => verifier.close())

  for (const algorithm of Object.keys(pairs) as Measured[]) {
    test(`${algorithm}: a token seen before costs a fraction of a new one`, async (t) => {
      const tokens = await mint(algorithm, 1024)
      await checkAll(checkerFor(algorithm, verifier), tokens.slice(0, 512), 32)
      const checker = checkerFor(algorithm, verifier)
      const fresh = await measure(tokens.length, () => checkAll(checker, tokens, 32))
      say(t, `${algorithm}, 32 new ones at once`, fresh)
      const seen = await measure(tokens.length * 20, () => {
        for (let turn = 0; turn < 20; turn++) for (const token of tokens) assert.ok(!(checker.check(token) instanceof Promise))
      })
      say(t, `${algorithm}, seen before`, { main: seen.all, all: seen.all })
      assert.ok(seen.all * 4 < fresh.all)
    })
  }

  test('reading a token costs microseconds', async (t) => {
    const [token] = await mint('RS256', 1)
    const cost = await measure(20_000, () => {
      for (let turn = 0; turn < 20_000; turn++) parseToken(token!)
    })
    say(t, `reading ${token!.length} characters`, { main: cost.all, all: cost.all })
    assert.ok(cost.all < 200)
  })
})
