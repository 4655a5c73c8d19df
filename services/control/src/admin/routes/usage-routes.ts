/** What was used: per consumer for bills, per route for people. */
import { SluiceError } from '@sluice/errors'
import { z } from 'zod'
import type { Span } from '../../peers/usage.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApp } from '../fastify-types.ts'

const hourMs = 3_600_000
const instant = z.iso.datetime({ offset: true }).optional()
const spanQuery = z.strictObject({ from: instant.describe('A whole hour (RFC 3339) [begin of the month].'), to: instant.describe('A whole hour; not included [the hour to come].') })
const watermark = z.string().nullable().describe('Everything before this instant is counted.')
const usageAnswer = z.object({ items: z.array(z.object({ consumer: z.string(), requests: z.number(), refused: z.number(), bytesIn: z.number(), bytesOut: z.number() })), watermark })
const routesAnswer = z.object({ items: z.array(z.looseObject({ route: z.string() })), watermark })

export function addUsageRoutes(app: AdminApp, parts: AdminParts): void {
  const { usage, clock } = parts
  app.get('/v1/usage', { schema: { tags: ['usage'], summary: 'Requests and bytes of each consumer', querystring: spanQuery, response: { 200: usageAnswer } } }, (request) => {
    return usage.byConsumer(spanOf(request.query, clock.now()))
  })
  const topQuery = spanQuery.extend({ limit: z.coerce.number().int().min(1).max(1000).default(100) })
  app.get('/v1/analytics/routes', { schema: { tags: ['analytics'], summary: 'Routes by requests, with errors and latencies', querystring: topQuery, response: { 200: routesAnswer } } }, (request) => {
    return usage.topRoutes(spanOf(request.query, clock.now()), request.query.limit)
  })
}

/** The month so far unless said otherwise. Throws `client.bad_request`. */
function spanOf({ from, to }: z.output<typeof spanQuery>, nowMs: number): Span {
  const now = new Date(nowMs)
  const fromMs = from === undefined ? Date.UTC(now.getUTCFullYear(), now.getUTCMonth()) : wholeHour('from', from)
  const toMs = to === undefined ? (Math.floor(nowMs / hourMs) + 1) * hourMs : wholeHour('to', to)
  if (fromMs >= toMs) throw new SluiceError('client.bad_request', { detail: '"from" lies before "to"' })
  return { fromMs, toMs }
}

function wholeHour(name: string, text: string): number {
  const ms = Date.parse(text)
  if (ms % hourMs === 0) return ms
  throw new SluiceError('client.bad_request', { detail: `"${name}" is a whole hour, such as 2026-03-01T00:00:00Z` })
}
