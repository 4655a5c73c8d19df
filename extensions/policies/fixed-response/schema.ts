import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { fieldName, fieldTemplate } from '../templated-fields.ts'

const settings = z.strictObject({
  ...everyPolicy,
  status: z.int().min(200).max(599).default(200).describe('The status to answer with.'),
  headers: z.record(fieldName, fieldTemplate).default({}).describe('Fields of the answer, name to value; `{parameter}`, `{claim:NAME}` and `{consumer}` are filled in. `Content-Type` follows the body unless it is set.'),
  body: z
    .union([z.string(), z.record(z.string(), z.unknown()), z.array(z.unknown())], 'a text, a map or a list')
    .default('')
    .describe('A text, sent as it stands; a map or a list, sent as JSON.'),
})

export type FixedResponseSettings = z.output<typeof settings>

export const schema: PolicySchema<FixedResponseSettings> = {
  name: 'fixed-response',
  settings,
  hooks: ['onRequest'],
  answers: true,
  problems({ status, body }) {
    const isWithout = status === 204 || status === 205 || status === 304
    return isWithout && body !== '' ? [{ path: ['body'], message: `a response with status ${status} has no body` }] : []
  },
}
