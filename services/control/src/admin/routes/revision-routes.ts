/** The history: what was applied when, what it changed, and back. */
import type { RevisionRecord } from '@sluice/config-stores/config-store'
import { SluiceError } from '@sluice/errors'
import { z } from 'zod'
import { rollBack } from '../../revisions/changes.ts'
import { differencesBetween } from '../../revisions/differences.ts'
import type { StoredRevision } from '../../revisions/stored-revisions.ts'
import type { AdminParts } from '../admin-parts.ts'
import { inReadingOrder } from '../config-order.ts'
import { checkPlansUnused } from '../consumer-use.ts'
import type { AdminApp } from '../fastify-types.ts'
import { ifMatchHeaders, pageQuery, pageSchema, revisionOfIfMatch, revisionParameter, waitQuery } from '../parameters.ts'
import { answerRevision, revisionAnswer } from '../write-answers.ts'
import { differencesSchema } from './config-routes.ts'

const recordSchema = z.object({ revision: z.number(), digest: z.string(), author: z.string(), note: z.string(), origin: z.enum(['file', 'api', 'rollback']), committedAt: z.string() })
const cursorQuery = pageQuery.extend({ cursor: z.coerce.number().int().min(1).optional().describe('`next` of the page before.') })
const rollbackQuery = waitQuery.extend({ force: z.enum(['true', 'false']).default('false').describe('Also when a plan goes that consumers subscribe to.') })
const diffQuery = z.strictObject({ from: z.coerce.number().int().min(0).optional().describe('The revision to compare with [the one before].') })

export function addRevisionRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['revisions']
  const { stored } = parts.line
  app.get('/v1/revisions', { schema: { tags, summary: 'Revisions, newest first', querystring: cursorQuery, response: { 200: pageSchema(recordSchema) } } }, async (request) => {
    const { limit, cursor } = request.query
    const records = await stored.list({ limit: limit + 1, ...(cursor === undefined ? {} : { before: cursor }) })
    const items = records.slice(0, limit).map(describeRecord)
    return { items, next: records.length > limit ? String(items.at(-1)!.revision) : null }
  })
  app.get('/v1/revisions/:revision', { schema: { tags, summary: 'One revision with what it holds', params: revisionParameter, response: { 200: recordSchema.extend({ config: z.looseObject({}) }) } } }, async (request) => {
    const { record, document } = await stored.read(request.params.revision)
    return { ...describeRecord(record), config: inReadingOrder(document) }
  })
  app.get('/v1/revisions/:revision/diff', { schema: { tags, summary: 'What a revision changed', params: revisionParameter, querystring: diffQuery, response: { 200: z.object({ from: z.number(), revision: z.number(), differences: differencesSchema }) } } }, async (request) => {
    const { revision } = request.params
    const from = request.query.from ?? revision - 1
    const after = await stored.read(revision)
    const before = from === 0 ? { version: 1 as const } : (await stored.read(from)).document
    return { from, revision, differences: differencesBetween(before, after.document) as z.output<typeof differencesSchema> }
  })
  addRollback(app, parts)
}

function addRollback(app: AdminApp, parts: AdminParts): void {
  const schema = { tags: ['revisions'], summary: 'Make a new revision with the content of an old one', params: revisionParameter, querystring: rollbackQuery, headers: ifMatchHeaders, response: { 200: revisionAnswer, 202: revisionAnswer } }
  app.post('/v1/revisions/:revision/rollback', { schema }, async (request, reply) => {
    const old = await parts.line.stored.read(request.params.revision)
    const ifMatch = revisionOfIfMatch(request.headers['if-match'])
    if (request.query.force !== 'true') await checkPlansStay(parts, old)
    const committed = await parts.line.commit(rollBack(parts.checking, old, { author: request.principal?.name ?? '', note: `back to revision ${old.record.revision}`, ifMatch }))
    return answerRevision(parts, reply, { committed, wait: request.query, status: 200 })
  })
}

/** Subscribers of a plan that is gone are bound by none: that is said, not found out. Throws `config.reference_in_use`. */
async function checkPlansStay({ line, consumers }: AdminParts, old: StoredRevision): Promise<void> {
  const left = new Set((old.document.plans ?? []).map(({ name }) => name))
  const { plans = [] } = (await line.stored.head())?.document ?? {}
  const dropped = plans.map(({ name }) => name).filter((name) => !left.has(name))
  if (dropped.length === 0) return
  try {
    await checkPlansUnused(consumers, dropped)
  } catch (error) {
    if (!(error instanceof SluiceError) || error.code !== 'config.reference_in_use') throw error
    throw new SluiceError(error.code, { detail: `Revision ${old.record.revision} has not the plan: ${error.detail}. "force" goes back all the same, and leaves them without a plan`, extra: error.extra })
  }
}

export function describeRecord({ revision, digest, author, note, origin, committedAtMs }: RevisionRecord): z.output<typeof recordSchema> {
  return { revision, digest, author, note, origin, committedAt: new Date(committedAtMs).toISOString() }
}
