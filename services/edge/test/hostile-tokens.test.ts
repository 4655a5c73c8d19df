import assert from 'node:assert/strict'
import { Agent } from 'node:http'
import { before, describe, it } from 'node:test'
import { echo, fetchOnce, startUpstream, suiteCleanup, type FetchedResponse } from '@sluice/testkit'
import { hostileTokensAt } from '../../../packages/verifier/test/hostile/corpus.ts'
import { type HostileToken, isOfSecret, mintingAt } from '../../../packages/verifier/test/hostile/minting.ts'
import { ec, ed, plainRules, rsa, sharedSecret } from '../../../packages/verifier/test/minted-tokens.ts'
import { type EdgeUnderTest, startEdge } from './edge-harness.ts'

const now = Math.floor(Date.now() / 1000)
const corpus = hostileTokensAt(now)
const issuerKeys = Object.entries({ r1: rsa, e1: ec, d1: ed }).map(([kid, { publicKey }]) => ({ kid, pem: publicKey.export({ format: 'pem', type: 'spki' }) as string }))

/** A key of the configuration that no algorithm of its rules fits is refused at apply. */
function keysFor(rules: NonNullable<HostileToken['rules']>): object[] {
  if (isOfSecret(rules)) return [{ secret: sharedSecret }]
  return rules.algorithms === undefined ? issuerKeys : issuerKeys.filter(({ kid }) => kid === 'r1')
}

/** A route for each set of rules that tokens are held against, with the token in the query, where any byte of it arrives. */
const rulesOf = ({ rules = {} }: Pick<HostileToken, 'rules'>) => JSON.stringify(rules)
const sets = [...new Set(corpus.map(rulesOf))]
const routes = sets.flatMap((text, index) => {
  const rules = JSON.parse(text) as NonNullable<HostileToken['rules']>
  const { issuer, audiences, algorithms, requiredClaims } = { ...plainRules, ...rules }
  const settings = { issuer, audiences, algorithms, requiredClaims, leewaySeconds: 0, throttleFailures: false, keys: keysFor(rules) }
  const limits = { 'request-limits': { maxUrlBytes: 65_536, maxHeaderBytes: 65_536 } }
  const route = (name: string, from: string) => ({ name, match: { path: `/${name}` }, upstream: 'main', policies: [limits, { jwt: { ...settings, from } }] })
  return [route(`query${index}`, 'query token'), route(`field${index}`, 'header authorization')]
})
const routeOf = (one: Pick<HostileToken, 'rules'>) => sets.indexOf(rulesOf(one))

describe('hostile tokens, seen from outside', { concurrency: false }, () => {
  const whole = suiteCleanup()
  const agent = new Agent({ keepAlive: true, maxSockets: 8 })
  let under: EdgeUnderTest

  before(async () => {
    const upstream = await startUpstream(whole, echo())
    under = await startEdge(whole, { upstreams: { main: { endpoints: [{ url: upstream.url }] } }, routes })
    whole.after(() => agent.destroy())
  })

  const inQuery = (one: Pick<HostileToken, 'token' | 'rules'>) => fetchOnce(under.url, { agent, path: `/query${routeOf(one)}?token=${encodeURIComponent(one.token)}` })
  const inField = (one: Pick<HostileToken, 'token' | 'rules'>) => fetchOnce(under.url, { agent, path: `/field${routeOf(one)}`, headers: { authorization: `Bearer ${one.token}` } })

  function checkRefused({ what, token }: HostileToken, { status, headers, body }: FetchedResponse): void {
    // What no field and no target can be so long as to carry is refused before anybody looks at it.
    if (token.length > 8000 && (status === 414 || status === 431)) return
    assert.equal(status, 401, `${what}: ${status} ${body}`)
    assert.equal(headers['www-authenticate'], 'Bearer realm="sluice", error="invalid_token"', what)
    assert.equal((JSON.parse(body) as { error: { reason: string } }).error.reason, 'policy.unauthenticated', what)
  }

  it('each is 401 with the one challenge, whatever is wrong with it', async () => {
    const sent = corpus.filter(({ token }) => token !== '')
    assert.ok(sent.length > 300)
    for (const one of sent) checkRefused(one, await inQuery(one))
  })

  it('each that a field can carry as it is, is refused there, too', async () => {
    const sent = corpus.filter(({ token }) => /^[\x21-\x7e]+$/.test(token))
    assert.ok(sent.length > 250)
    for (const one of sent) checkRefused(one, await inField(one))
  })

  it('what a field cannot carry is no request', async () => {
    for (const one of corpus.filter(({ token }) => /[\0\r\n]/.test(token))) await assert.rejects(async () => inField(one), /Invalid character/, one.what)
  })

  it('good tokens pass before, between and after', async () => {
    const { good, token, claims } = mintingAt(now)
    for (const one of [good, token(claims({ jti: 'another' }))]) assert.equal((await inField({ token: one })).status, 200)
  })
})
