/** Upstreams, routes, policies for every route, and groups: the same verbs for each. */
import { SluiceError } from '@sluice/errors'
import { group, policyEntry, resourceName, route, upstream } from '@sluice/proto/config'
import { z } from 'zod'
import { deleteOne, putOne } from '../../revisions/changes.ts'
import { findResource, listResources, policyName, type Resource, type ResourceKind, resourceKinds, type WrittenDocument } from '../../revisions/resources.ts'
import type { AdminParts } from '../admin-parts.ts'
import { bodyMap } from '../bodies.ts'
import { orderKeys } from '../config-order.ts'
import type { AdminApp } from '../fastify-types.ts'
import { checkGroupUnused } from '../group-use.ts'
import { ifMatchHeaders, nameParameter, pageOf, pageQuery, pageSchema, revisionOfIfMatch, waitQuery } from '../parameters.ts'
import { answerRevision, revisionAnswer } from '../write-answers.ts'

const schemas: Readonly<Record<ResourceKind, z.ZodType>> = { upstreams: upstream, routes: route, policies: policyEntry, groups: group }

export function addResourceRoutes(app: AdminApp, parts: AdminParts): void {
  for (const kind of resourceKinds) {
    addReads(app, parts, kind)
    addPut(app, parts, kind)
    addPost(app, parts, kind)
    addDelete(app, parts, kind)
  }
}

function addReads(app: AdminApp, parts: AdminParts, kind: ResourceKind): void {
  const tags = [kind]
  app.get(`/v1/${kind}`, { schema: { tags, summary: `List ${kind}`, querystring: pageQuery, response: { 200: pageSchema(z.looseObject({ name: z.string() })) } } }, async (request, reply) => {
    const { revision, document } = await head(parts)
    return reply.header('etag', `"${revision}"`).send(inOrder(pageOf(listResources(document, kind), request.query)))
  })
  app.get(`/v1/${kind}/:name`, { schema: { tags, summary: `One of ${kind}`, params: nameParameter, response: { 200: z.looseObject({ name: z.string() }) } } }, async (request, reply) => {
    const { revision, document } = await head(parts)
    const found = findResource(document, kind, request.params.name)
    if (found === undefined) throw new SluiceError('config.not_found', { detail: `There is no ${kind}/${request.params.name}` })
    return reply.header('etag', `"${revision}"`).send(orderKeys(found))
  })
}

function inOrder({ items, next }: { items: Resource[]; next: string | null }) {
  return { items: items.map(orderKeys), next }
}

const writeSchema = { querystring: waitQuery, headers: ifMatchHeaders, response: { 200: revisionAnswer, 201: revisionAnswer, 202: revisionAnswer } }

function addPut(app: AdminApp, parts: AdminParts, kind: ResourceKind): void {
  const schema = { ...writeSchema, tags: [kind], summary: `Create or replace one of ${kind}`, params: nameParameter, body: schemas[kind] }
  app.put(`/v1/${kind}/:name`, { schema }, async (request, reply) => {
    const { name } = request.params
    const body = bodyMap(request.body)
    checkNames(kind, name, body)
    let existed = false
    const change = putOne(parts.checking, { ...about(request, kind, name), body, create: false, onEdit: (wasThere) => (existed = wasThere) })
    const committed = await parts.line.commit(change)
    return answerRevision(parts, reply, { committed, wait: request.query, status: existed ? 200 : 201 })
  })
}

function addPost(app: AdminApp, parts: AdminParts, kind: ResourceKind): void {
  const schema = { ...writeSchema, tags: [kind], summary: `Create one of ${kind}`, body: schemas[kind] }
  app.post(`/v1/${kind}`, { schema }, async (request, reply) => {
    const body = bodyMap(request.body)
    const name = nameIn(kind, body)
    const committed = await parts.line.commit(putOne(parts.checking, { ...about(request, kind, name), body, create: true }))
    reply.header('location', `/v1/${kind}/${encodeURIComponent(name)}`)
    return answerRevision(parts, reply, { committed, wait: request.query, status: 201 })
  })
}

function addDelete(app: AdminApp, parts: AdminParts, kind: ResourceKind): void {
  const schema = { ...writeSchema, tags: [kind], summary: `Delete one of ${kind}`, params: nameParameter }
  app.delete(`/v1/${kind}/:name`, { schema }, async (request, reply) => {
    const { name } = request.params
    if (kind === 'groups') await checkGroupUnused(parts.consumers, name)
    const committed = await parts.line.commit(deleteOne(parts.checking, about(request, kind, name)))
    return answerRevision(parts, reply, { committed, wait: request.query, status: 204 })
  })
}

function about(request: { method: string; url: string; headers: { 'if-match'?: string | undefined }; role: string | undefined }, kind: ResourceKind, name: string) {
  const ifMatch = revisionOfIfMatch(request.headers['if-match'])
  return { author: request.role ?? '', note: `${request.method} ${kind}/${name}`, ifMatch, kind, name }
}

async function head(parts: AdminParts): Promise<{ revision: number; document: WrittenDocument }> {
  const stored = await parts.line.stored.head()
  return { revision: stored?.record.revision ?? 0, document: stored?.document ?? { version: 1 } }
}

/** A body may repeat its name and not give another. */
function checkNames(kind: ResourceKind, name: string, body: Readonly<Record<string, unknown>>): void {
  const given = kind === 'policies' ? policyName(body) : body['name']
  if (given === undefined || given === name) return
  throw new SluiceError('config.invalid', { detail: `The body is called ${JSON.stringify(given)}, the address says "${name}"`, extra: { problems: [{ pointer: '/name', message: `expected "${name}"` }] } })
}

function nameIn(kind: ResourceKind, body: Readonly<Record<string, unknown>>): string {
  const name = kind === 'policies' ? policyName(body) : body['name']
  if (resourceName.safeParse(name).success) return name as string
  throw new SluiceError('config.invalid', { detail: 'A new resource says its "name": letters, digits, ".", "_" and "-"', extra: { problems: [{ pointer: '/name', message: '"name" is missing or not valid' }] } })
}
