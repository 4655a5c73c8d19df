import { z } from 'zod'
import { policyList } from './policy-entry.ts'
import { resourceMarks, resourceName } from './strings.ts'

const argon2Hash = z.string().startsWith('$argon2id$', 'an Argon2id hash as `sluice keys hash` prints it, beginning with "$argon2id$"')
const instant = z.iso.datetime({ offset: true, message: 'an instant such as "2027-01-31T00:00:00Z"' })

export const apiKeyCredential = z.strictObject({
  apiKey: z.strictObject({
    id: z.string().regex(/^[a-z0-9]{1,64}$/, 'an id of lower-case letters and digits').describe('The part of the key behind `sk_`.'),
    hash: argon2Hash.describe('Argon2id of the secret, as `sluice keys hash` prints it.'),
    expiresAt: instant.optional().describe('From then on the key is no good; never when left out.'),
  }),
})
export const jwtSubjectCredential = z.strictObject({ jwtSubject: z.string().min(1).max(256).describe('What a token says in the claim that the policy `jwt` reads the consumer from.') })

export const basicCredential = z.strictObject({
  basic: z.strictObject({
    // RFC 7617 §2: the first colon ends the name, and neither part holds control characters.
    username: z.string().regex(/^[^:\p{Cc}]{1,256}$/u, 'a name without colons and control characters').describe('What stands before the colon.'),
    passwordHash: argon2Hash.describe('Argon2id of the password, as `sluice keys hash` prints it.'),
  }),
})

export const credential = z.union([apiKeyCredential, jwtSubjectCredential, basicCredential])

export const group = z.strictObject({
  name: resourceName.describe('Unique among groups.'),
  policies: policyList.default([]).describe('For requests of its consumers, from the moment they are known.'),
  ...resourceMarks,
})

export const consumer = z.strictObject({
  name: resourceName.describe('Unique among consumers; in logs, limits and usage.'),
  groups: z.array(resourceName).max(100).default([]).describe('Whose policies apply to it, and what `acl` decides by.'),
  plan: resourceName.optional().describe('The plan that it subscribes to; without one it is bound by none.'),
  credentials: z.array(credential).max(100).default([]).describe('What it proves itself with.'),
  ...resourceMarks,
})

export type Consumer = z.output<typeof consumer>
export type Credential = z.output<typeof credential>
export type Group = z.output<typeof group>
