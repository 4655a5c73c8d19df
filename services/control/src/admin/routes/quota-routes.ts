/** What is left of a consumer's quotas, wherever they stand. */
import { findPolicy } from '@sluice/policies'
import { countedUnder } from '@sluice/policies/counted-under'
import type { PolicyPlace } from '@sluice/policies/policy'
import { consumersKey, quotaCountAt } from '@sluice/policies/quota-counts'
import { groupOfPlan, limitsOfPlan, type PolicyEntry, readPolicyEntry } from '@sluice/proto/config'
import { z } from 'zod'
import type { WrittenDocument } from '../../revisions/resources.ts'
import type { ConsumerInput } from '../../validation/validate.ts'
import { noConsumer } from '../../peers/consumers.ts'
import type { AdminParts } from '../admin-parts.ts'
import type { AdminApp } from '../fastify-types.ts'
import { nameParameter } from '../parameters.ts'

type QuotaSettings = Parameters<typeof quotaCountAt>[0]

interface Placed {
  readonly place: Pick<PolicyPlace, 'level' | 'name'>
  readonly settings: QuotaSettings
  /** The key in the counters, without what stands before it. */
  readonly key: string
}

const quotaSchema = z.object({
  at: z.string().describe('`global`, `group:NAME`, `plan:NAME`, `upstream:NAME`, `route:NAME`'),
  name: z.string(), period: z.enum(['day', 'month']), window: z.enum(['calendar', 'rolling']),
  datacenter: z.string().describe('Each counts for itself; empty where edges say none.'),
  limit: z.number(), used: z.number(), remaining: z.number(), resetSeconds: z.number(),
})

export function addQuotaRoutes(app: AdminApp, parts: AdminParts): void {
  const schema = { tags: ['consumers'], summary: 'What is left of a consumer\'s quotas', params: nameParameter, response: { 200: z.object({ items: z.array(quotaSchema) }) } }
  app.get('/v1/consumers/:name/quotas', { schema }, async (request) => {
    const { name } = request.params
    const { consumer } = await parts.consumers.get(name)
    if (consumer === undefined) throw noConsumer(name)
    const head = await parts.line.stored.head()
    const placed = head === undefined ? [] : quotasOf(head.document, consumer as ConsumerInput)
    const datacenters = new Set(parts.rollout.edges().filter(({ state }) => state === 'live').map(({ datacenter }) => datacenter))
    const items = [...(datacenters.size === 0 ? [''] : datacenters)].flatMap((datacenter) => placed.map((one) => peek(parts, one, datacenter)))
    return { items: await Promise.all(items) }
  })
}

async function peek({ limits, scope, clock }: AdminParts, { place, settings, key }: Placed, datacenter: string) {
  const { rules } = quotaCountAt(settings, place, clock.now())
  const { algorithm, limit, windowSeconds, burst, originMs } = rules
  const whole = countedUnder(scope, rules, { zone: '', datacenter }) + key
  const { remaining, resetSeconds } = await limits.peek({ key: whole, algorithm, limit, windowMs: windowSeconds * 1000, burst, ...(originMs === undefined ? {} : { originMs }) })
  const { period, window } = settings
  return { at: place.level, name: place.name, period, window, datacenter, limit, used: Math.max(0, limit - remaining), remaining, resetSeconds }
}

/** Those that count the consumer apart: of everybody, of its groups and its plan, and of every upstream and route. */
function quotasOf({ policies = [], groups = [], plans = [], upstreams = {}, routes = [] }: WrittenDocument, { name: consumer, groups: itsGroups = [], plan: itsPlan }: ConsumerInput): Placed[] {
  const levels: [level: string, entries: readonly PolicyEntry[], route?: string][] = [
    ['global', policies],
    ...groups.filter(({ name }) => itsGroups.includes(name)).map((group): [string, readonly PolicyEntry[]] => [`group:${group.name}`, group.policies ?? []]),
    ...plans.filter(({ name }) => name === itsPlan).map((plan): [string, readonly PolicyEntry[]] => [groupOfPlan(plan.name), limitsOfPlan(plan)]),
    ...Object.entries(upstreams).map(([name, upstream]): [string, readonly PolicyEntry[]] => [`upstream:${name}`, upstream.policies ?? []]),
    ...routes.map((route): [string, readonly PolicyEntry[], string] => [`route:${route.name}`, route.policies ?? [], route.name]),
  ]
  return levels.flatMap(([level, entries, route]) => entries.flatMap((entry) => placedAt(level, entry, consumer, route)))
}

function placedAt(level: string, entry: PolicyEntry, consumer: string, route: string | undefined): Placed[] {
  const { type, settings } = readPolicyEntry(entry)
  const parsed = type === 'quota' && settings !== undefined ? findPolicy(type)!.settings.safeParse(settings) : undefined
  if (parsed?.success !== true) return []
  const read = parsed.data as QuotaSettings & { readonly name?: string }
  const key = consumersKey(read, consumer, route)
  return key === undefined ? [] : [{ place: { level, name: read.name ?? type }, settings: read, key }]
}
