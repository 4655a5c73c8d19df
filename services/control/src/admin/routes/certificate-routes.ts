/** Certificates: private keys that are sent are sealed before anything else becomes of them, and never told again. */
import { X509Certificate } from 'node:crypto'
import { SluiceError } from '@sluice/errors'
import { certificateNames, isReference, namedCertificate } from '@sluice/proto/config'
import type { Sealing } from '@sluice/service-kit'
import { z } from 'zod'
import { deleteOne, putOne } from '../../revisions/changes.ts'
import { findResource, listResources, type Resource } from '../../revisions/resources.ts'
import type { AdminParts } from '../admin-parts.ts'
import { bodyMap } from '../bodies.ts'
import type { AdminApp } from '../fastify-types.ts'
import { ifMatchHeaders, nameParameter, pageOf, pageQuery, pageSchema, waitQuery } from '../parameters.ts'
import { authorshipOf, checkNames, nameIn } from '../resource-requests.ts'
import { answerRevision, revisionAnswer } from '../write-answers.ts'

const shown = namedCertificate.omit({ key: true }).extend({
  key: z.string().optional().describe('Where its private key is kept; left out when it is sealed in the configuration.'),
  names: z.array(z.string()).describe('Host names that it stands for.'),
  validFrom: z.string(),
  validTo: z.string(),
  fingerprint: z.string().describe('SHA-256.'),
})
const written = namedCertificate.omit({ name: true }).extend({
  name: z.string().optional(),
  key: z.string().optional().describe('PEM, which is sealed, or where it is kept; left out, the key there is stays.'),
})

export function addCertificateRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['certificates']
  app.get('/v1/certificates', { schema: { tags, summary: 'List certificates, without their keys', querystring: pageQuery, response: { 200: pageSchema(shown) } } }, async (request, reply) => {
    const { revision, items } = await shownCertificates(parts)
    return reply.header('etag', `"${revision}"`).send(pageOf(items, request.query))
  })
  app.get('/v1/certificates/:name', { schema: { tags, summary: 'One certificate, without its key', params: nameParameter, response: { 200: shown } } }, async (request, reply) => {
    const { revision, items } = await shownCertificates(parts, request.params.name)
    const [found] = items
    if (found === undefined) throw new SluiceError('config.not_found', { detail: `There is no certificates/${request.params.name}` })
    return reply.header('etag', `"${revision}"`).send(found)
  })
  addWrites(app, parts)
}

const writeSchema = { tags: ['certificates'], querystring: waitQuery, headers: ifMatchHeaders, response: { 200: revisionAnswer, 201: revisionAnswer, 202: revisionAnswer } }

function addWrites(app: AdminApp, parts: AdminParts): void {
  const kind = 'certificates'
  app.put('/v1/certificates/:name', { config: { access: 'admin' }, schema: { ...writeSchema, summary: 'Create or replace a certificate', params: nameParameter, body: written } }, async (request, reply) => {
    const { name } = request.params
    const sent = sealedKey(bodyMap(request.body), parts.sealing)
    checkNames(kind, name, sent)
    let existed = false
    const body = (before: Resource | undefined) => (sent['key'] === undefined && before !== undefined ? { ...sent, key: before['key'] } : sent)
    const committed = await parts.line.commit(putOne(parts.checking, { ...authorshipOf(request, kind, name), body, create: false, onEdit: (wasThere) => (existed = wasThere) }))
    return answerRevision(parts, reply, { committed, wait: request.query, status: existed ? 200 : 201 })
  })
  app.post('/v1/certificates', { config: { access: 'admin' }, schema: { ...writeSchema, summary: 'Create a certificate', body: written } }, async (request, reply) => {
    const body = sealedKey(bodyMap(request.body), parts.sealing)
    const name = nameIn(kind, body)
    const committed = await parts.line.commit(putOne(parts.checking, { ...authorshipOf(request, kind, name), body, create: true }))
    reply.header('location', `/v1/certificates/${encodeURIComponent(name)}`)
    return answerRevision(parts, reply, { committed, wait: request.query, status: 201 })
  })
  app.delete('/v1/certificates/:name', { config: { access: 'admin' }, schema: { ...writeSchema, summary: 'Delete a certificate', params: nameParameter } }, async (request, reply) => {
    const committed = await parts.line.commit(deleteOne(parts.checking, authorshipOf(request, kind, request.params.name)))
    return answerRevision(parts, reply, { committed, wait: request.query, status: 204 })
  })
}

/** What is no reference is sealed: from here on the key stands nowhere in clear. */
function sealedKey(body: Readonly<Record<string, unknown>>, sealing: Sealing | undefined): Readonly<Record<string, unknown>> {
  const { key } = body
  if (typeof key !== 'string' || isReference(key)) return body
  if (sealing === undefined) throw new SluiceError('config.invalid', { detail: 'A private key is taken only where it can be sealed: set SLUICE_SEALING_KEY, or say where the key is kept', extra: { problems: [{ pointer: '/key', message: 'expected a reference such as "file:key.pem"' }] } })
  return { ...body, key: `sealed:${sealing.seal(key)}` }
}

async function shownCertificates({ line }: AdminParts, name?: string): Promise<{ revision: number; items: z.output<typeof shown>[] }> {
  const head = await line.stored.head()
  if (head === undefined) return { revision: 0, items: [] }
  const found = name === undefined ? listResources(head.document, 'certificates') : [findResource(head.document, 'certificates', name)].filter((one) => one !== undefined)
  return { revision: head.record.revision, items: found.map((one) => describe(one, head.secrets)) }
}

function describe({ key, ...resource }: Resource, secrets: Readonly<Record<string, string>>): z.output<typeof shown> {
  const text = String(resource['certificate'])
  const certificate = new X509Certificate(secrets[text] ?? text)
  return {
    ...(resource as unknown as z.output<typeof shown>),
    ...(typeof key === 'string' && !key.startsWith('sealed:') ? { key } : {}),
    names: certificateNames(certificate),
    validFrom: new Date(certificate.validFrom).toISOString(),
    validTo: new Date(certificate.validTo).toISOString(),
    fingerprint: certificate.fingerprint256,
  }
}
