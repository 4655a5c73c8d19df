import { z } from 'zod'
import { whenBlind } from '../blind-setting.ts'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { throttleFailures } from '../throttle-setting.ts'

const placeName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'a name without spaces')

const settings = z.strictObject({
  ...everyPolicy,
  header: placeName.default('x-api-key').describe('The header field that holds the key.'),
  query: placeName.optional().describe('A query parameter that may hold it instead.'),
  cookie: placeName.optional().describe('A cookie that may hold it instead.'),
  hideCredential: z.boolean().default(true).describe('Remove the key from what is sent to the upstream.'),
  cacheSeconds: z.int().min(0).max(86_400).default(300).describe("How long a key's outcome is used without asking; a revocation ends it at once."),
  staleSeconds: z.int().min(0).max(604_800).default(3600).describe('How long it is used while auth is away; never less than `cacheSeconds`.'),
  throttleFailures,
  whenBlind,
  failure: failsClosed,
})

export type KeyAuthSettings = z.output<typeof settings>

export const schema: PolicySchema<KeyAuthSettings> = { name: 'key-auth', settings, hooks: ['onRequest'], identity: true }
