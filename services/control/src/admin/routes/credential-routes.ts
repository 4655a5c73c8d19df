/** Credentials of one consumer: API keys made here are shown this once. */
import { SluiceError } from '@sluice/errors'
import { z } from 'zod'
import { noConsumer } from '../../peers/consumers.ts'
import type { ConsumerInput } from '../../validation/validate.ts'
import type { AdminParts } from '../admin-parts.ts'
import { readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { nameParameter, waitQuery } from '../parameters.ts'
import { answerVersion, versionAnswer } from '../write-answers.ts'

const newCredential = z.union([
  z.strictObject({ apiKey: z.strictObject({ expiresAt: z.iso.datetime({ offset: true, message: 'an instant such as "2027-01-31T00:00:00Z"' }).optional() }) }),
  z.strictObject({ jwtSubject: z.string().min(1).max(256) }),
])
const made = versionAnswer.extend({ id: z.string().optional(), key: z.string().optional().describe('The whole key, said this once.') })

export function addCredentialRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['consumers']
  const postSchema = { tags, summary: 'Make an API key, or add a token subject', params: nameParameter, querystring: waitQuery, body: newCredential, response: { 201: made, 202: made } }
  app.post('/v1/consumers/:name/credentials', { config: { access: 'admin' }, schema: postSchema }, async (request, reply) => {
    const wanted = readBody(newCredential, request.body)
    reply.header('cache-control', 'no-store')
    const { version, ...extra } = 'apiKey' in wanted ? await makeKey(parts, request.params.name, wanted.apiKey.expiresAt) : await addSubject(parts, request.params.name, wanted.jwtSubject)
    return answerVersion(parts, reply, { version, wait: request.query, status: 201, extra })
  })
  const deleteSchema = { tags, summary: 'Revoke a credential', params: nameParameter.extend({ id: z.string().min(1).max(256) }), querystring: waitQuery, response: { 200: versionAnswer, 202: versionAnswer } }
  app.delete('/v1/consumers/:name/credentials/:id', { config: { access: 'admin' }, schema: deleteSchema }, async (request, reply) => {
    const version = await parts.consumers.deleteCredential(request.params.name, request.params.id)
    return answerVersion(parts, reply, { version, wait: request.query, status: 204 })
  })
}

async function makeKey(parts: AdminParts, consumer: string, expiresAt: string | undefined): Promise<{ id: string; key: string; version: number }> {
  const expiresAtMs = expiresAt === undefined ? 0 : Date.parse(expiresAt)
  if (expiresAtMs !== 0 && expiresAtMs <= parts.clock.now()) {
    throw new SluiceError('config.invalid', { detail: 'The key would have expired already', extra: { problems: [{ pointer: '/apiKey/expiresAt', message: 'expected an instant to come' }] } })
  }
  const { id, key, version } = await parts.consumers.createKey(consumer, expiresAtMs)
  return { id, key, version }
}

async function addSubject(parts: AdminParts, name: string, jwtSubject: string): Promise<{ version: number }> {
  const { consumer, version } = await parts.consumers.get(name)
  if (consumer === undefined) throw noConsumer(name)
  const credentials = (consumer as ConsumerInput).credentials ?? []
  if (credentials.some((credential) => 'jwtSubject' in credential && credential.jwtSubject === jwtSubject)) return { version }
  return { version: await parts.consumers.put([{ ...(consumer as ConsumerInput), credentials: [...credentials, { jwtSubject }] }], { createOnly: false, keepUnnamed: true }) }
}
