import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { templateProblem } from '../value-template.ts'

const year = 31_536_000
const fieldName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'a name of a header field')
const tag = z
  .string()
  .min(1)
  .max(128)
  .refine((text) => !text.includes(',') && templateProblem(text) === undefined, 'a text without commas; "{user_id}" in it is the path parameter')

const settings = z.strictObject({
  ...everyPolicy,
  ttlSeconds: z.int().min(0).max(year).optional().describe('Seconds for which a good response is used, whatever lifetime it names. It stands above `max-age`, `s-maxage` and `Expires`, never above `no-store`, `no-cache`, `private`, `Vary: *` and `Set-Cookie`. Left out: as the response says; one that says nothing is not kept.'),
  store: z.enum(['memory', 'redis']).default('memory').describe('Where responses are kept: `memory`, of each worker; `redis`, for all edges, behind that memory. Where edges have no Redis (embedded mode) it is the memory alone.'),
  maxObjectBytes: z.int().min(0).max(67_108_864).default(1_048_576).describe('A longer body passes through and is not kept.'),
  keyQuery: z.array(z.string().min(1).max(128)).max(100).optional().describe('Query parameters that tell responses apart; the others are sent on and count for nothing. Left out: the query as a whole.'),
  keyHeaders: z.array(fieldName).max(20).default([]).describe('Request fields that tell responses apart beside those that a response names in `Vary`.'),
  tags: z.array(tag).max(20).default([]).describe('Names under which the responses are purged together; `{user_id}` is the path parameter. Those in a response\'s `Cache-Tag` are added.'),
  staleWhileRevalidateSeconds: z.int().min(0).max(year).default(0).describe('For how long after its lifetime a response is used while it is asked for anew, unless it says so itself.'),
  staleIfErrorSeconds: z.int().min(0).max(year).default(0).describe('For how long after its lifetime a response is used when the upstream fails, unless it says so itself.'),
})

export type CacheSettings = z.output<typeof settings>

export const schema: PolicySchema<CacheSettings> = { name: 'cache', settings, hooks: [], caches: true }
