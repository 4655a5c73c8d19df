import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { signingKeyProblem, signingKeySettings } from '../signing-key.ts'

const settings = z.strictObject({
  ...everyPolicy,
  keys: z.array(signingKeySettings).min(1).max(20).describe('Keys whose public halves are published: those that sign now, and those that did or will.'),
  maxAgeSeconds: z.int().min(0).max(86_400).default(300).describe('How long others may keep the set.'),
})

export type KeySetSettings = z.output<typeof settings>

export const schema: PolicySchema<KeySetSettings> = { name: 'key-set', settings, hooks: ['onRequest'], answers: true, problems }

function problems({ keys }: KeySetSettings): { path: (string | number)[]; message: string }[] {
  return keys.flatMap((key, index) => {
    if (keys.findIndex(({ kid }) => kid === key.kid) !== index) return [{ path: ['keys', index, 'kid'], message: `the key "${key.kid}" stands twice` }]
    const problem = signingKeyProblem(key)
    return problem === undefined ? [] : [{ path: ['keys', index, 'pem'], message: problem }]
  })
}
