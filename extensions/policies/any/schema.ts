import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const method = z
  .record(z.string(), z.record(z.string(), z.unknown()))
  .refine((value) => Object.keys(value).length === 1, 'one policy an entry, such as "- key-auth: {}"')

const settings = z.strictObject({
  ...everyPolicy,
  methods: z.array(method).min(1).max(20).describe('Identity policies, tried in this order; the first that passes says who is calling.'),
  anonymous: z.string().min(1).max(128).optional().describe('The consumer that a request without any credential is admitted as, without groups. A bad credential is still refused.'),
})

export type AnySettings = z.output<typeof settings>

export const schema: PolicySchema<AnySettings> = {
  name: 'any',
  settings,
  hooks: ['onRequest'],
  identity: true,
  nested: ({ methods }) => methods.map((entry, index) => ({ path: ['methods', index], entry, mustIdentify: true as const })),
}
