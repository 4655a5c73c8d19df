import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { headerChanges } from '../header-changes.ts'
import { settingNotBuilt } from '../not-built.ts'
import type { PolicySchema } from '../policy.ts'
import { templateText } from '../templated-fields.ts'

const parameterName = z.string().min(1).max(256)

const query = z.strictObject({
  remove: z.array(parameterName).default([]).describe('Parameters to remove.'),
  rename: z.record(parameterName, parameterName).default({}).describe('Old name to new name; what stood under the new one is replaced.'),
  set: z.record(parameterName, templateText).default({}).describe('Name to value, in place of any there are.'),
  add: z.record(parameterName, templateText).default({}).describe('Name to value, beside any there are.'),
})

const settings = z.strictObject({
  ...everyPolicy,
  headers: headerChanges.optional().describe('Changes to the header fields, in the order of this table.'),
  query: query.optional().describe('Changes to the query, in the order of this table; other parameters stay byte for byte.'),
  path: templateText
    .regex(/^\/[\x21-\x22\x24-\x3e\x40-\x7e]*$/, 'a path that begins with "/", without spaces, "?" and "#"')
    .optional()
    .describe('The path to send, in place of the client\'s.'),
  body: settingNotBuilt('body'),
})

export type RequestTransformSettings = z.output<typeof settings>

export const schema: PolicySchema<RequestTransformSettings> = { name: 'request-transform', settings, hooks: ['onRequest'] }
