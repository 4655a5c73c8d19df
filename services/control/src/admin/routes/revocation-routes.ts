/** Tokens that are refused before they expire: one by its `jti`, or all that a subject was issued before an instant. */
import { SluiceError } from '@sluice/errors'
import { z } from 'zod'
import type { TokenRevocation } from '../../peers/token-revocations.ts'
import type { AdminParts } from '../admin-parts.ts'
import { readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { pageQuery, pageSchema, waitQuery } from '../parameters.ts'
import { answerVersion, versionAnswer } from '../write-answers.ts'

const issuer = z.string().max(1024).default('').describe("The tokens' `iss`; left out: tokens that name no issuer. Of an opaque token whose issuer does not say: the policy's `issuer` or `introspectionUrl`.")
const value = z.string().min(1).max(512)
const instant = z.iso.datetime({ offset: true, message: 'an instant such as "2027-01-31T00:00:00Z"' })
const expiresAt = instant.optional().describe('When the last of them will have expired: until then they are refused [in 30 days; 400 days at most].')

const newRevocation = z.union([
  z.strictObject({ issuer, jti: value.describe('The token with this `jti`.'), expiresAt }),
  z.strictObject({ issuer, subject: value.describe('All tokens with this `sub`, and sessions of browsers.'), issuedBefore: instant.optional().describe('Only those whose `iat` is before [now]; `iat` counts whole seconds.'), expiresAt }),
])
const item = z.object({ issuer: z.string(), jti: z.string().optional(), subject: z.string().optional(), issuedBefore: z.string().optional(), expiresAt: z.string() })
const made = versionAnswer.extend(item.shape)
const listQuery = pageQuery.extend({ cursor: z.string().min(1).max(10_000).optional().describe('`next` of the page before.') })
const liftQuery = waitQuery.extend({ issuer, jti: value.optional(), subject: value.optional() })

const usualMs = 30 * 86_400_000

export function addRevocationRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['revocations']
  app.get('/v1/revocations', { schema: { tags, summary: 'List revoked tokens', querystring: listQuery, response: { 200: pageSchema(item) } } }, async (request) => {
    const { limit, cursor = '' } = request.query
    const { items, next } = await parts.tokenRevocations.list(cursor, limit)
    return { items: items.map(tell), next }
  })
  const postSchema = { tags, summary: 'Revoke a token by its jti, or those of a subject', querystring: waitQuery, body: newRevocation, response: { 201: made, 202: made } }
  app.post('/v1/revocations', { config: { access: 'admin' }, schema: postSchema }, async (request, reply) => {
    const wanted = wantedOf(readBody(newRevocation, request.body), parts.clock.now())
    const version = await parts.tokenRevocations.revoke(wanted)
    return answerVersion(parts, reply, { version, wait: request.query, status: 201, extra: tell(wanted) })
  })
  const deleteSchema = { tags, summary: 'Lift a revocation: the tokens are good again', querystring: liftQuery, response: { 200: versionAnswer, 202: versionAnswer } }
  app.delete('/v1/revocations', { config: { access: 'admin' }, schema: deleteSchema }, async (request, reply) => {
    const { issuer: of, jti, subject } = request.query
    if ((jti === undefined) === (subject === undefined)) throw new SluiceError('client.bad_request', { detail: 'Say which: either "?jti=" or "?subject=", with "issuer" beside it' })
    const version = await parts.tokenRevocations.lift({ issuer: of, ...(jti === undefined ? {} : { jti }), ...(subject === undefined ? {} : { subject }) })
    return answerVersion(parts, reply, { version, wait: request.query, status: 204 })
  })
}

function wantedOf(body: z.output<typeof newRevocation>, now: number): TokenRevocation {
  const untilMs = body.expiresAt === undefined ? now + usualMs : Date.parse(body.expiresAt)
  if (untilMs <= now) throw new SluiceError('config.invalid', { detail: 'The tokens would have expired already', extra: { problems: [{ pointer: '/expiresAt', message: 'expected an instant to come' }] } })
  if ('jti' in body) return { issuer: body.issuer, jti: body.jti, issuedBeforeMs: 0, untilMs }
  return { issuer: body.issuer, subject: body.subject, issuedBeforeMs: body.issuedBefore === undefined ? now : Date.parse(body.issuedBefore), untilMs }
}

function tell({ issuer: of, jti, subject, issuedBeforeMs, untilMs }: TokenRevocation): z.output<typeof item> {
  const until = new Date(untilMs).toISOString()
  return jti === undefined ? { issuer: of, subject, issuedBefore: new Date(issuedBeforeMs).toISOString(), expiresAt: until } : { issuer: of, jti, expiresAt: until }
}
