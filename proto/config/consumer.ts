import { z } from 'zod'
import { policyList } from './policy-entry.ts'
import { resourceMarks, resourceName } from './strings.ts'

const argon2Hash = z.string().startsWith('$argon2id$', 'an Argon2id hash as `sluice keys hash` prints it, beginning with "$argon2id$"')
const instant = z.iso.datetime({ offset: true, message: 'an instant such as "2027-01-31T00:00:00Z"' })

export const apiKeyCredential = z.strictObject({
  apiKey: z.strictObject({
    id: z.string().regex(/^[a-z0-9]{1,64}$/, 'an id of lower-case letters and digits'),
    hash: argon2Hash,
    expiresAt: instant.optional(),
  }),
})
export const jwtSubjectCredential = z.strictObject({ jwtSubject: z.string().min(1).max(256) })

export const credential = z.union([apiKeyCredential, jwtSubjectCredential])

export const group = z.strictObject({ name: resourceName, policies: policyList.default([]), ...resourceMarks })

export const consumer = z.strictObject({
  name: resourceName,
  groups: z.array(resourceName).max(100).default([]),
  credentials: z.array(credential).max(100).default([]),
  ...resourceMarks,
})

export type Consumer = z.output<typeof consumer>
export type Credential = z.output<typeof credential>
export type Group = z.output<typeof group>
