/** Consumers, which auth keeps: none of this is a revision. */
import { consumer as consumerSchema, resourceName } from '@sluice/proto/config'
import { SluiceError } from '@sluice/errors'
import { z } from 'zod'
import { noConsumer } from '../../peers/consumers.ts'
import { nearestName } from '../../validation/nearest-name.ts'
import type { ConsumerInput } from '../../validation/validate.ts'
import { listResources } from '../../revisions/resources.ts'
import type { AdminParts } from '../admin-parts.ts'
import { bodyMap, readBody } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { nameParameter, pageQuery, pageSchema, waitQuery } from '../parameters.ts'
import { answerVersion, versionAnswer } from '../write-answers.ts'

const item = z.looseObject({ name: z.string() })

export function addConsumerRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['consumers']
  app.get('/v1/consumers', { schema: { tags, summary: 'List consumers', querystring: pageQuery, response: { 200: pageSchema(item) } } }, async (request) => {
    const { limit, cursor = '' } = request.query
    const { items, more } = await parts.consumers.list(cursor, limit)
    return { items: [...items], next: more ? items.at(-1)!.name : null }
  })
  app.get('/v1/consumers/:name', { schema: { tags, summary: 'One consumer', params: nameParameter, response: { 200: item } } }, async (request) => {
    const { consumer } = await parts.consumers.get(request.params.name)
    if (consumer === undefined) throw noConsumer(request.params.name)
    return consumer
  })
  addWrites(app, parts)
}

const writeSchema = { tags: ['consumers'], querystring: waitQuery, response: { 200: versionAnswer, 201: versionAnswer, 202: versionAnswer } }

function addWrites(app: AdminApp, parts: AdminParts): void {
  app.put('/v1/consumers/:name', { config: { access: 'admin' }, schema: { ...writeSchema, summary: 'Create or replace a consumer; credentials stay when the body names none', params: nameParameter, body: consumerSchema } }, async (request, reply) => {
    const { name } = request.params
    const body = bodyMap(request.body)
    const consumer = await readConsumer(parts, { name, ...body })
    if (consumer.name !== name) throw new SluiceError('config.invalid', { detail: `The body is called "${consumer.name}", the address says "${name}"`, extra: { problems: [{ pointer: '/name', message: `expected "${name}"` }] } })
    const existed = (await parts.consumers.get(name)).consumer !== undefined
    const version = await parts.consumers.put([consumer], { createOnly: false, keepUnnamed: body['credentials'] === undefined })
    return answerVersion(parts, reply, { version, wait: request.query, status: existed ? 200 : 201 })
  })
  app.post('/v1/consumers', { config: { access: 'admin' }, schema: { ...writeSchema, summary: 'Create a consumer', body: consumerSchema } }, async (request, reply) => {
    const consumer = await readConsumer(parts, bodyMap(request.body))
    const version = await parts.consumers.put([consumer], { createOnly: true, keepUnnamed: false })
    reply.header('location', `/v1/consumers/${encodeURIComponent(consumer.name)}`)
    return answerVersion(parts, reply, { version, wait: request.query, status: 201 })
  })
  app.delete('/v1/consumers/:name', { config: { access: 'admin' }, schema: { ...writeSchema, summary: 'Delete a consumer and all its credentials', params: z.object({ name: resourceName }) } }, async (request, reply) => {
    const version = await parts.consumers.delete(request.params.name)
    return answerVersion(parts, reply, { version, wait: request.query, status: 204 })
  })
}

/** Throws `config.invalid`, `config.reference_missing`. */
async function readConsumer(parts: AdminParts, body: Readonly<Record<string, unknown>>): Promise<ConsumerInput> {
  readBody(consumerSchema, body)
  const consumer = body as ConsumerInput
  const document = (await parts.line.stored.head())?.document ?? { version: 1 as const }
  const namesOf = (kind: 'groups' | 'plans') => listResources(document, kind).map((resource) => resource.name)
  const groups = namesOf('groups')
  const problems = [
    ...(consumer.groups ?? []).flatMap((name, index) => missing('group', name, `/groups/${index}`, groups)),
    ...(consumer.plan === undefined ? [] : missing('plan', consumer.plan, '/plan', namesOf('plans'))),
  ]
  if (problems.length > 0) throw new SluiceError('config.reference_missing', { detail: problems[0]!.message, extra: { problems } })
  return consumer
}

function missing(kind: 'group' | 'plan', name: string, pointer: string, known: readonly string[]) {
  if (known.includes(name)) return []
  const nearest = nearestName(name, known)
  return [{ pointer, message: `there is no ${kind} "${name}"${nearest === undefined ? '' : `; did you mean "${nearest}"?`}`, ...(nearest === undefined ? {} : { nearest }) }]
}
