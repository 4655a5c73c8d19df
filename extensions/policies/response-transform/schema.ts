import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { headerChanges } from '../header-changes.ts'
import { settingNotBuilt } from '../not-built.ts'
import type { PolicySchema } from '../policy.ts'

/** Statuses that say by themselves whether there is a body. */
const bodiless = new Set([204, 205, 304])
const expected = 'a status from 200 to 599, not 204, 205 or 304: they say whether there is a body'

const fromStatus = z.string().refine((text) => /^[2-5][0-9]{2}$/.test(text) && !bodiless.has(Number(text)), expected)
const toStatus = z.int(expected).min(200, expected).max(599, expected).refine((status) => !bodiless.has(status), expected)

const settings = z.strictObject({
  ...everyPolicy,
  headers: headerChanges.optional().describe('Changes to the header fields, in the order of this table.'),
  status: z.record(fromStatus, toStatus).default({}).describe('Status of the response to the one to send, such as `{ 404: 410 }`. 204, 205 and 304 stay what they are.'),
  body: settingNotBuilt('body'),
})

export type ResponseTransformSettings = z.output<typeof settings>

export const schema: PolicySchema<ResponseTransformSettings> = { name: 'response-transform', settings, hooks: ['onResponse'] }
