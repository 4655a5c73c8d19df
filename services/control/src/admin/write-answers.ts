/** What a write answers: the new revision or version, and who runs it when the writer waits for that. */
import type { FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { Committed } from '../revisions/revision-line.ts'
import { type Goal, credentialGoal, type Receipt, revisionGoal } from '../rollout/receipts.ts'
import type { Warning } from '../validation/problem.ts'
import { pointerOf } from '../validation/problem.ts'
import type { AdminParts } from './admin-parts.ts'
import type { waitQuery } from './parameters.ts'

type Wait = z.output<typeof waitQuery>

const edgesSchema = z.object({
  acknowledged: z.number().describe('Live edges that run it.'),
  expected: z.number().describe('Live edges.'),
  missing: z.array(z.string()).describe('Live edges that do not.'),
  refused: z.array(z.object({ edge: z.string(), code: z.string(), pointer: z.string(), detail: z.string() })).optional(),
})
const ringSchema = z.object({ edges: z.array(z.string()), stable: z.number().describe('The revision that the others run.') })
export const receiptShape = { edges: edgesSchema, propagationMs: z.number().optional() }
const receipt = { ring: ringSchema.optional().describe('The edges that it is tried on first; `edges` counts these alone.'), edges: edgesSchema.optional(), propagationMs: z.number().optional().describe('Until the last edge ran it, on control\'s clock.') }

export const revisionAnswer = z.object({ revision: z.number(), ...receipt, warnings: z.array(z.object({ pointer: z.string(), message: z.string() })).optional() })
export const versionAnswer = z.object({ version: z.number(), ...receipt })

/** Answers a change of the configuration; `status` is for when every edge that was asked for has it. `credentials`: a version of consumers that went with it. */
export async function answerRevision(parts: AdminParts, reply: FastifyReply, change: { committed: Committed; wait: Wait; status: number; credentials?: number | undefined }): Promise<FastifyReply> {
  const { committed, wait, status, credentials } = change
  const { revision, at, warnings, ring } = committed
  reply.request.outcome = committed.isNew ? `revision ${revision}` : `unchanged, revision ${revision}`
  reply.header('etag', `"${revision}"`)
  tellTimes(reply, committed)
  const told = { ...(ring && { ring: { edges: ring.edges, stable: ring.stable } }), ...(warnings.length > 0 && { warnings: warnings.map(tell) }) }
  if (wait.wait === undefined) return send(reply, status, { revision, ...told })
  const goals = [revisionGoal(revision, ring?.edges), ...(credentials === undefined ? [] : [credentialGoal(credentials)])]
  const receipt = await parts.rollout.waitFor(all(goals), wait.timeoutMs, at)
  tellTimes(reply, committed, parts.clock.monotonic() - at)
  return send(reply, receipt.missing.length > 0 ? 202 : status === 204 ? 200 : status, { revision, ...receiptOf(receipt), ...told })
}

/** Answers a write of consumers or credentials; `extra` is told besides. */
export async function answerVersion(parts: AdminParts, reply: FastifyReply, change: { version: number; wait: Wait; status: number; extra?: object }): Promise<FastifyReply> {
  const { version, wait, status, extra } = change
  const at = parts.clock.monotonic()
  reply.request.outcome = `version ${version}`
  if (wait.wait === undefined) return send(reply, status, { ...extra, version })
  const receipt = await parts.rollout.waitFor(credentialGoal(version), wait.timeoutMs, at)
  return send(reply, receipt.missing.length > 0 ? 202 : status === 204 ? 200 : status, { ...extra, version, ...receiptOf(receipt) })
}

/** Where the time of a write went, as browsers and `curl -i` show it (W3C Server Timing). */
function tellTimes(reply: FastifyReply, { took }: Committed, edgesMs?: number): void {
  if (took === undefined) return
  const times = { ...took, ...(edgesMs !== undefined && { edges: edgesMs }) }
  reply.header('server-timing', Object.entries(times).map(([name, ms]) => `${name};dur=${ms.toFixed(1)}`).join(', '))
}

/** Notes for the audit log that a request changes nothing. */
export function markTrial(request: FastifyRequest): void {
  request.isTrial = true
}

function send(reply: FastifyReply, status: number, body: object): FastifyReply {
  return status === 204 ? reply.code(204).send() : reply.code(status).send(body)
}

/** A receipt as it is told. */
export function receiptOf({ acknowledged, expected, missing, refused, propagationMs }: Receipt) {
  const edges = { acknowledged, expected, missing: [...missing], ...(refused.length === 0 ? {} : { refused: [...refused] }) }
  return { edges, ...(propagationMs === undefined ? {} : { propagationMs }) }
}

function tell({ path, message }: Warning): { pointer: string; message: string } {
  return { pointer: pointerOf(path), message }
}

function all(goals: readonly Goal[]): Goal {
  return { concerns: goals[0]?.concerns, hasReached: (edge) => goals.every((goal) => goal.hasReached(edge)), hasRefused: (edge) => goals.some((goal) => goal.hasRefused(edge)) }
}
