import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  header: z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, 'a header field name')
    .default('X-Request-ID')
    .describe('The field that holds the id. Another one than `X-Request-ID` is written beside it, to the upstream and to the client.'),
  trustClient: z.boolean().default(false).describe('Keep the id of any client; otherwise only that of a peer in `trustedProxies`.'),
})

export type RequestIdSettings = z.output<typeof settings>

export const schema: PolicySchema<RequestIdSettings> = { name: 'request-id', settings, hooks: ['onRequest'], always: true }
