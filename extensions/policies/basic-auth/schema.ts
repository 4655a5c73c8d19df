import { z } from 'zod'
import { whenBlind } from '../blind-setting.ts'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { throttleFailures } from '../throttle-setting.ts'

const settings = z.strictObject({
  ...everyPolicy,
  realm: z
    .string()
    .regex(/^[\x20-\x7e]{1,128}$/, 'a text of at most 128 ASCII characters')
    .default('sluice')
    .describe('What the client is told that it logs in to.'),
  hideCredential: z.boolean().default(true).describe('Remove name and password from what is sent to the upstream.'),
  cacheSeconds: z.int().min(0).max(86_400).default(300).describe("How long a password's outcome is used without asking; a change of the consumer ends it at once."),
  staleSeconds: z.int().min(0).max(604_800).default(3600).describe('How long it is used while auth is away; never less than `cacheSeconds`.'),
  throttleFailures,
  whenBlind,
  failure: failsClosed,
})

export type BasicAuthSettings = z.output<typeof settings>

export const schema: PolicySchema<BasicAuthSettings> = { name: 'basic-auth', settings, hooks: ['onRequest'], identity: true }
