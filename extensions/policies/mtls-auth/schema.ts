import { z } from 'zod'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const settings = z.strictObject({
  ...everyPolicy,
  caFile: z.string().min(1).describe('A PEM file with the authorities whose clients are let in. Read when the configuration is applied.'),
  consumerFrom: z.enum(['san', 'subject']).default('san').describe('What names the consumer: `san`, the first URI, else DNS name, else mail address among the alternative names; `subject`, its common name (CN).'),
  crlFile: z.string().min(1).optional().describe("A PEM file with lists of revoked certificates (CRL), one of each authority that signs clients. Read when the configuration is applied; past a list's next update its authority's clients are not let in (503)."),
  failure: failsClosed,
})

export type MtlsAuthSettings = z.output<typeof settings>

export const schema: PolicySchema<MtlsAuthSettings> = {
  name: 'mtls-auth',
  settings,
  hooks: ['onRequest'],
  identity: true,
  clientAuthorities: ({ caFile }) => caFile,
}
