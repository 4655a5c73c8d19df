import { z } from 'zod'
import { policyList } from './policy-entry.ts'
import { durationMs, positiveInteger, resourceMarks, resourceName } from './strings.ts'

const endpointUrl = z.string().refine(isEndpointUrl, 'a URL such as "http://127.0.0.1:9001" or "http://users.internal/base", without query or user')

function isEndpointUrl(value: string): boolean {
  if (!URL.canParse(value)) return false
  const url = new URL(value)
  return url.protocol === 'http:' && url.hostname !== '' && url.search === '' && url.hash === '' && url.username === ''
}

export const endpoint = z.strictObject({
  url: endpointUrl,
  weight: z.number().min(0).max(1000).default(1).describe('Share of the traffic beside the others; 0 takes none.'),
  zone: z.string().max(64).optional(),
  priority: z.int().min(0).max(100).default(0).describe('Lower ones first; higher ones only while no lower one is healthy.'),
})

const activeHealth = z.strictObject({
  path: z.string().startsWith('/').default('/health'),
  intervalSeconds: z.number().min(0.1).max(3600).default(10),
  timeoutMs: durationMs.default(2000),
  unhealthyAfter: positiveInteger.max(100).default(3),
  healthyAfter: positiveInteger.max(100).default(2),
})

export const upstream = z
  .strictObject({
    endpoints: z.array(endpoint).min(1).max(10_000).optional(),
    discovery: z
      .strictObject({
        source: z.literal('registration'),
        service: resourceName,
        tags: z.array(z.string()).default([]).describe('Only instances that have all of these.'),
        version: z.string().optional(),
        datacenter: z.string().optional(),
      })
      .optional(),
    balancer: z.literal('round-robin').default('round-robin'),
    hostHeader: z.string().min(1).default('client').describe('"client", "endpoint" or a literal name.'),
    health: z
      .strictObject({ active: activeHealth.optional(), passive: z.boolean().default(true) })
      .prefault({}),
    timeouts: z
      .strictObject({
        connectMs: durationMs.default(5000),
        firstByteMs: durationMs.default(30_000),
        idleMs: durationMs.default(60_000),
        requestMs: durationMs.default(60_000),
      })
      .prefault({}),
    retries: z
      .strictObject({
        attempts: positiveInteger.max(10).default(2).describe('Counts the first; further ones only while nothing was sent.'),
        budgetPercent: z.number().min(0).max(100).default(20).describe('Retries are at most this share of the requests of the last ten seconds (at least 10).'),
      })
      .prefault({}),
    policies: policyList.default([]),
    drainSeconds: z.number().min(0).max(3600).default(30),
    ...resourceMarks,
  })
  .refine((value) => (value.endpoints === undefined) !== (value.discovery === undefined), 'needs either "endpoints" or "discovery"')

export type Endpoint = z.output<typeof endpoint>
export type Upstream = z.output<typeof upstream>
export type ActiveHealth = z.output<typeof activeHealth>
