/** The whole configuration: what `sluice export`, `diff` and `apply` work on. */
import type { RevisionRecord } from '@sluice/config-stores/config-store'
import { z } from 'zod'
import { stringify } from 'yaml'
import { gatewayConfig } from '@sluice/proto/config'
import { type Change, replaceConfig, replaceOwned } from '../../revisions/changes.ts'
import { lastChanges } from '../../revisions/last-changes.ts'
import { requireOwnedConsumers } from '../../revisions/owned-config.ts'
import { putConsumers } from '../../peers/put-consumers.ts'
import { pointerOf } from '../../validation/problem.ts'
import type { Validation } from '../../validation/validate.ts'
import type { Principal } from '../access.ts'
import type { AdminParts } from '../admin-parts.ts'
import { maxConfigBytes } from '../bodies.ts'
import { inReadingOrder } from '../config-order.ts'
import { checkPlansUnused } from '../consumer-use.ts'
import type { AdminApp } from '../fastify-types.ts'
import { ifMatchHeaders, revisionOfIfMatch, waitQuery } from '../parameters.ts'
import { answerRevision, markTrial, revisionAnswer } from '../write-answers.ts'

const truth = z.enum(['true', 'false']).default('false').transform((value) => value === 'true')
const getQuery = z.strictObject({ consumers: z.enum(['true', 'false']).default('true').transform((value) => value === 'true').describe('Whether consumers are in it; auth is asked for them.') })
const putQuery = waitQuery.extend({
  dryRun: truth.describe('Check and compare, change nothing.'),
  force: truth.describe('Also when more than a fifth of the routes goes, and a hundred at least.'),
  everywhere: truth.describe('To every edge at once, whatever the rings of `rollout`.'),
  owner: z.string().min(1).max(128).optional().describe('Replace only what this owner has; what belongs to others is refused.'),
})
const settingChange = z.object({ pointer: z.string(), before: z.unknown().optional(), after: z.unknown().optional() })
export const differencesSchema = z.array(z.object({ resource: z.string(), change: z.enum(['added', 'removed', 'changed']), settings: z.array(settingChange).optional() }))
const lastChange = z.object({ revision: z.number(), author: z.string(), origin: z.string(), note: z.string(), committedAt: z.string() })
const dryRunDifferences = z.array(differencesSchema.element.extend({ lastChange: lastChange.optional().describe('The revision that made it what it is now.') }))
const dryRunAnswer = z.object({ revision: z.number().describe('The head that was compared.'), differences: dryRunDifferences, warnings: z.array(z.object({ pointer: z.string(), message: z.string() })) })

export function addConfigRoutes(app: AdminApp, parts: AdminParts): void {
  const tags = ['config']
  app.get('/v1/config', { schema: { tags, summary: 'The whole configuration, as a file would hold it', querystring: getQuery, response: { 200: z.looseObject({}) } } }, async (request, reply) => {
    const head = await parts.line.stored.head()
    const consumers = request.query.consumers ? await allConsumers(parts) : []
    const config = inReadingOrder({ ...(head?.document ?? { version: 1 }), ...(consumers.length === 0 ? {} : { consumers }) })
    reply.header('etag', `"${head?.record.revision ?? 0}"`)
    if (!/\byaml\b/.test(request.headers.accept ?? '')) return reply.send(config)
    return reply.type('application/yaml').send(stringify(config, { lineWidth: 0, aliasDuplicateObjects: false }) as never)
  })
  const schema = { tags, summary: 'Replace the whole configuration; consumers in it are added or updated', querystring: putQuery, headers: ifMatchHeaders, body: gatewayConfig, response: { 200: z.union([revisionAnswer, dryRunAnswer]), 202: revisionAnswer } }
  app.put('/v1/config', { schema, bodyLimit: maxConfigBytes }, async (request, reply) => {
    if (request.query.dryRun) {
      markTrial(request)
      return reply.send(await compare(parts, changeOf(parts, request), request.query.owner))
    }
    let credentials: number | undefined
    const prepare = async (validation: Validation) => {
      await checkConsumers(parts, validation, request.query.owner)
      credentials = await putConsumers(parts.consumers, validation.consumers ?? [])
      await checkPlansUnused(parts.consumers, await plansLeftOut(parts, validation))
    }
    const committed = await parts.line.commit({ ...changeOf(parts, request), prepare })
    return answerRevision(parts, reply, { committed, wait: request.query, status: 200, credentials })
  })
}

function changeOf(parts: AdminParts, request: { body: unknown; query: { force: boolean; dryRun: boolean; everywhere: boolean; owner?: string | undefined }; principal: Principal | undefined; headers: { 'if-match'?: string | undefined } }): Change {
  const { owner, force, dryRun, everywhere } = request.query
  const about = { author: request.principal?.name ?? '', origin: 'api' as const, ifMatch: revisionOfIfMatch(request.headers['if-match']), isForced: force || dryRun, goes: everywhere ? ('everywhere' as const) : undefined }
  if (owner === undefined) return replaceConfig(parts.checking, request.body, { ...about, note: 'PUT config' })
  return replaceOwned(parts.checking, request.body, owner, { ...about, note: `PUT config of ${owner}` })
}

async function compare(parts: AdminParts, change: Change, owner: string | undefined): Promise<z.output<typeof dryRunAnswer>> {
  const { head, differences, validation } = await parts.line.preview(change)
  await checkConsumers(parts, validation, owner)
  const consumers = await parts.consumers.differences(validation.consumers ?? [])
  const makers = head === 0 ? new Map() : await lastChanges(parts.line.stored, await parts.line.stored.read(head), differences.map(({ resource }) => resource))
  const told = differences.map((difference) => ({ ...difference, ...(makers.has(difference.resource) && { lastChange: describeMaker(makers.get(difference.resource)!) }) }))
  const warnings = validation.warnings.map(({ path, message }) => ({ pointer: pointerOf(path), message }))
  return { revision: head, differences: [...told, ...consumers] as z.output<typeof dryRunDifferences>, warnings }
}

function describeMaker({ revision, author, origin, note, committedAtMs }: RevisionRecord): z.output<typeof lastChange> {
  return { revision, author, origin, note, committedAt: new Date(committedAtMs).toISOString() }
}

/** With an owner, the consumers in a configuration have to be that owner's as well. */
async function checkConsumers({ consumers }: AdminParts, { consumers: written = [] }: Validation, owner: string | undefined): Promise<void> {
  if (owner !== undefined && written.length > 0) requireOwnedConsumers(written, await consumers.named(written.map(({ name }) => name)), owner)
}

/** Those that the head has and this does not. */
async function plansLeftOut(parts: AdminParts, { document }: Validation): Promise<string[]> {
  const left = new Set((document?.plans ?? []).map(({ name }) => name))
  const { plans = [] } = (await parts.line.stored.head())?.document ?? {}
  return plans.map(({ name }) => name).filter((name) => !left.has(name))
}

async function allConsumers(parts: AdminParts): Promise<unknown[]> {
  const found: unknown[] = []
  for await (const consumer of parts.consumers.all()) found.push(consumer)
  return found
}
