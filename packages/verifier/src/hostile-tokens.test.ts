import assert from 'node:assert/strict'
import { after, before, suite, test } from 'node:test'
import { createFakeClock } from '@sluice/testkit'
import { hostileTokensAt } from '../test/hostile/corpus.ts'
import { isOfSecret } from '../test/hostile/minting.ts'
import { issuer, mint, nowSeconds, part, plainClaims, plainRules, sealHmac, secretKeys, sharedSecret } from '../test/minted-tokens.ts'
import { createTokenChecker, createVerifier, refusals, type TokenRules, type Verifier } from './index.ts'

const good = mint()
const hostile = hostileTokensAt(nowSeconds)

suite('hostile tokens', () => {
  let verifier: Verifier
  before(() => {
    verifier = createVerifier()
  })
  after(() => verifier.close())

  const check = async (token: string, rules: Partial<TokenRules> = {}) => {
    const clock = createFakeClock(nowSeconds * 1000)
    const keys = isOfSecret(rules) ? secretKeys : issuer
    return createTokenChecker({ rules: { ...plainRules, ...rules }, keys, verifier, clock }).check(token)
  }

  for (const { what, token, reason, rules } of hostile) {
    test(`refused: ${what}`, async () => {
      assert.deepEqual(await check(token, rules), { outcome: 'invalid', reason })
    })
  }

  test('there are hundreds, no two alike, and every reason for a refusal is among theirs', () => {
    assert.ok(hostile.length > 300, `${hostile.length}`)
    assert.equal(new Set(hostile.map(({ what }) => what)).size, hostile.length)
    assert.deepEqual(Object.keys(refusals).filter((reason) => !hostile.some((one) => one.reason === reason)), [])
  })

  test('the tokens that the hostile ones are made from are good', async () => {
    assert.equal((await check(good)).outcome, 'valid')
    assert.equal((await check(sealHmac(`${part({ alg: 'HS256' })}.${part(plainClaims)}`, sharedSecret), { algorithms: ['HS256'] })).outcome, 'valid')
  })

  test('every bit of a good token counts', async () => {
    const raw = Buffer.from(good)
    for (let at = 0; at < raw.length; at += 7) {
      const turned = Buffer.from(raw)
      turned[at]! ^= 1 << at % 7
      assert.equal((await check(turned.toString('latin1'))).outcome, 'invalid', `a bit of byte ${at} turned`)
    }
  })
})
