import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const json = z.strictObject({
  maxDepth: z.int().min(1).max(10_000).default(64).describe('Objects and arrays in each other; 400 above.'),
  maxKeys: z.int().min(0).default(10_000).describe('Names in all objects of the document together; 400 above.'),
  maxElements: z.int().min(0).default(100_000).describe('Elements in all arrays of the document together; 400 above.'),
  anyType: z.boolean().default(false).describe('Read every body as JSON, whatever its `Content-Type`: for upstreams that do not look at it.'),
})

const settings = z.strictObject({
  ...everyPolicy,
  maxBodyBytes: z.int().min(0).default(10_485_760).describe('Bytes of the request body; 0 refuses any body. 413 above, at once when the length is declared.'),
  maxQueryParameters: z.int().min(0).default(100).describe('Parameters in the query; 400 above.'),
  maxHeaders: z.int().min(1).default(50).describe('Header fields; 431 above.'),
  maxHeaderBytes: z.int().min(1).default(8192).describe('Bytes of all header fields together, with `: ` and line end; 431 above.'),
  maxUrlBytes: z.int().min(1).default(8192).describe('Bytes of the request target as the client sent it; 414 above.'),
  json: json.optional().describe('Reads JSON bodies (`application/json`, `text/json`, `+json`) as they pass; off when left out.'),
})

export type JsonSettings = z.output<typeof json>
export type RequestLimitsSettings = z.output<typeof settings>

export const schema: PolicySchema<RequestLimitsSettings> = { name: 'request-limits', settings, hooks: ['onRequest', 'onRequestBody'], always: true }
