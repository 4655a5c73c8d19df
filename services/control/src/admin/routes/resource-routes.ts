/** Upstreams, routes, policies for every route, groups and plans: the same verbs for each. */
import { SluiceError } from '@sluice/errors'
import { group, plan, policyEntry, route, upstream } from '@sluice/proto/config'
import { z } from 'zod'
import { deleteOne, putOne } from '../../revisions/changes.ts'
import { findResource, listResources, type Resource, type WrittenDocument } from '../../revisions/resources.ts'
import type { AdminParts } from '../admin-parts.ts'
import { bodyMap } from '../bodies.ts'
import { orderKeys } from '../config-order.ts'
import type { AdminApp } from '../fastify-types.ts'
import { checkGroupUnused, checkPlansUnused } from '../consumer-use.ts'
import { ifMatchHeaders, nameParameter, pageOf, pageQuery, pageSchema, waitQuery } from '../parameters.ts'
import { authorshipOf, checkNames, nameIn } from '../resource-requests.ts'
import { answerRevision, revisionAnswer } from '../write-answers.ts'

const schemas = { upstreams: upstream, routes: route, policies: policyEntry, groups: group, plans: plan } as const

/** Certificates have routes of their own. */
type PlainKind = keyof typeof schemas

export function addResourceRoutes(app: AdminApp, parts: AdminParts): void {
  for (const kind of Object.keys(schemas) as PlainKind[]) {
    addReads(app, parts, kind)
    addPut(app, parts, kind)
    addPost(app, parts, kind)
    addDelete(app, parts, kind)
  }
}

function addReads(app: AdminApp, parts: AdminParts, kind: PlainKind): void {
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

function addPut(app: AdminApp, parts: AdminParts, kind: PlainKind): void {
  const schema = { ...writeSchema, tags: [kind], summary: `Create or replace one of ${kind}`, params: nameParameter, body: schemas[kind] }
  app.put(`/v1/${kind}/:name`, { schema }, async (request, reply) => {
    const { name } = request.params
    const body = bodyMap(request.body)
    checkNames(kind, name, body)
    let existed = false
    const change = putOne(parts.checking, { ...authorshipOf(request, kind, name), body, create: false, onEdit: (wasThere) => (existed = wasThere) })
    const committed = await parts.line.commit(change)
    return answerRevision(parts, reply, { committed, wait: request.query, status: existed ? 200 : 201 })
  })
}

function addPost(app: AdminApp, parts: AdminParts, kind: PlainKind): void {
  const schema = { ...writeSchema, tags: [kind], summary: `Create one of ${kind}`, body: schemas[kind] }
  app.post(`/v1/${kind}`, { schema }, async (request, reply) => {
    const body = bodyMap(request.body)
    const name = nameIn(kind, body)
    const committed = await parts.line.commit(putOne(parts.checking, { ...authorshipOf(request, kind, name), body, create: true }))
    reply.header('location', `/v1/${kind}/${encodeURIComponent(name)}`)
    return answerRevision(parts, reply, { committed, wait: request.query, status: 201 })
  })
}

function addDelete(app: AdminApp, parts: AdminParts, kind: PlainKind): void {
  const schema = { ...writeSchema, tags: [kind], summary: `Delete one of ${kind}`, params: nameParameter }
  app.delete(`/v1/${kind}/:name`, { schema }, async (request, reply) => {
    const { name } = request.params
    if (kind === 'groups') await checkGroupUnused(parts.consumers, name)
    if (kind === 'plans') await checkPlansUnused(parts.consumers, [name])
    const committed = await parts.line.commit(deleteOne(parts.checking, authorshipOf(request, kind, name)))
    return answerRevision(parts, reply, { committed, wait: request.query, status: 204 })
  })
}

async function head(parts: AdminParts): Promise<{ revision: number; document: WrittenDocument }> {
  const stored = await parts.line.stored.head()
  return { revision: stored?.record.revision ?? 0, document: stored?.document ?? { version: 1 } }
}
