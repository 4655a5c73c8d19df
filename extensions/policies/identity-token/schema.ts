import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { signingKeyProblem, signingKeySettings } from '../signing-key.ts'

/** What the token says of itself is not to be copied from the caller's. */
const own = new Set(['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'groups', 'scope', 'amr', 'credential'])

const settings = z.strictObject({
  ...everyPolicy,
  key: signingKeySettings.describe('What the token is signed with; `key-set` publishes the public half.'),
  issuer: z.string().min(1).max(256).default('sluice').describe('Its `iss`.'),
  audience: z.string().min(1).max(256).optional().describe('Its `aud`; left out, it has none.'),
  header: z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "a field's name")
    .default('x-identity-token')
    .describe('The field that carries it; in `authorization`, behind `Bearer`. What a client sends there is removed.'),
  ttlSeconds: z.int().min(10).max(3600).default(60).describe('How long it is good; one caller is sent the same token for half of that.'),
  claims: z
    .array(z.string().min(1).max(128).refine((name) => !own.has(name), 'a claim that the token does not have of its own'))
    .max(50)
    .default([])
    .describe("Claims of the caller's own token to copy."),
})

export type IdentityTokenSettings = z.output<typeof settings>

export const schema: PolicySchema<IdentityTokenSettings> = { name: 'identity-token', settings, hooks: ['onRequest'], problems }

function problems({ key }: IdentityTokenSettings): { path: string[]; message: string }[] {
  const problem = signingKeyProblem(key)
  return problem === undefined ? [] : [{ path: ['key', 'pem'], message: problem }]
}
