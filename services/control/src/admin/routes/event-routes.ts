/** What has happened that somebody may want to act on. */
import { z } from 'zod'
import { maxQuotaEvents, type QuotaEvent } from '../../peers/quota-events.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApp } from '../fastify-types.ts'

const query = z.strictObject({
  consumer: z.string().min(1).max(256).optional().describe('Only what concerns this consumer.'),
  limit: z.coerce.number().int().min(1).max(maxQuotaEvents).default(100).describe('As many of the newest.'),
})
const event = z.object({
  kind: z.literal('quota-reached'),
  time: z.string(),
  consumer: z.string(),
  at: z.string().describe('Where the quota stands: `plan:NAME`, `group:NAME`, `route:NAME`, `upstream:NAME`, `global`.'),
  name: z.string().describe('How it is called there.'),
  route: z.string().optional().describe('Of a quota that counts each route apart.'),
  percent: z.number(),
  limit: z.number(),
  period: z.string(),
  window: z.string().describe('Which day or month, such as `2026-11`.'),
  datacenter: z.string().describe('Each counts for itself; empty where edges say none.'),
  edge: z.string().describe('Where the request was that got there.'),
})

export function addEventRoutes(app: AdminApp, { quotaEvents }: AdminParts): void {
  const schema = { tags: ['events'], summary: 'Quotas that have reached a threshold, the newest first; at most 1000 are shown', querystring: query, response: { 200: z.object({ items: z.array(event) }) } }
  app.get('/v1/events', { schema }, async (request) => {
    const { consumer, limit } = request.query
    const wanted = quotaEvents.list().filter((one) => consumer === undefined || one.consumer === consumer)
    return { items: wanted.slice(0, limit).map(described) }
  })
}

function described({ atMs, level, route, ...rest }: QuotaEvent): z.output<typeof event> {
  return { kind: 'quota-reached', time: new Date(atMs).toISOString(), at: level, ...rest, ...(route !== '' && { route }) }
}
