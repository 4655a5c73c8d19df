import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { settingNotBuilt } from '../not-built.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  maxBodyBytes: z.int().min(0).default(10_485_760).describe('Bytes of the request body; 0 refuses any body. 413 above, at once when the length is declared.'),
  maxQueryParameters: z.int().min(0).default(100).describe('Parameters in the query; 400 above.'),
  maxHeaders: z.int().min(1).default(50).describe('Header fields; 431 above.'),
  maxHeaderBytes: z.int().min(1).default(8192).describe('Bytes of all header fields together, with `: ` and line end; 431 above.'),
  maxUrlBytes: z.int().min(1).default(8192).describe('Bytes of the request target as the client sent it; 414 above.'),
  json: settingNotBuilt('json'),
})

export type RequestLimitsSettings = z.output<typeof settings>

export const schema: PolicySchema<RequestLimitsSettings> = { name: 'request-limits', settings, hooks: ['onRequest', 'onRequestBody'], always: true }
