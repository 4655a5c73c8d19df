import { isCidr } from '@sluice/http'
import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { firstBadLine } from './address-lines.ts'

const maxRanges = 200_000
const maxFiles = 100

const range = z.string().refine(isCidr, 'an address or a range such as "10.0.0.0/8"')
const ranges = z.array(range).min(1).max(maxRanges)
/** A path; its text has taken its place by the time a policy is compiled. */
const files = z.array(z.string()).min(1).max(maxFiles)

const settings = z.strictObject({
  ...everyPolicy,
  allow: ranges.optional().describe('Addresses and ranges that may pass; everybody else may not. Left out: everybody may.'),
  deny: ranges.optional().describe('Addresses and ranges that may not pass, also where `allow` has them.'),
  files: z
    .union([files, z.strictObject({ allow: files.optional(), deny: files.optional() })], 'a list of files, or a map with "allow" and "deny"')
    .optional()
    .describe('Files with more of them, read at apply and when they change: an address or range a line, with comments behind `#` or `;`. A list of files is added to `deny`; a map says which, `{ allow: [ … ], deny: [ … ] }`.'),
})

export type IpRestrictionSettings = z.output<typeof settings>

/** The texts of the files by what they are for. */
export function filesOf({ files: given }: IpRestrictionSettings): { allow: readonly string[] | undefined; deny: readonly string[] | undefined } {
  return Array.isArray(given) ? { allow: undefined, deny: given } : { allow: given?.allow, deny: given?.deny }
}

export const schema: PolicySchema<IpRestrictionSettings> = {
  name: 'ip-restriction',
  settings,
  hooks: ['onRequest'],
  problems(value) {
    const { allow, deny } = filesOf(value)
    if ([value.allow, value.deny, allow, deny].every((one) => one === undefined)) return [{ path: [], message: 'one of "allow", "deny" and "files" is needed' }]
    const base = Array.isArray(value.files) ? { allow: [], deny: ['files'] } : { allow: ['files', 'allow'], deny: ['files', 'deny'] }
    return [...lineProblems(allow ?? [], base.allow), ...lineProblems(deny ?? [], base.deny)]
  },
}

function lineProblems(texts: readonly string[], base: readonly string[]) {
  return texts.flatMap((text, index) => {
    const bad = firstBadLine(text)
    if (bad === undefined) return []
    return [{ path: [...base, index], message: `line ${bad.line} of the file is ${JSON.stringify(bad.text)}; an address or a range such as "10.0.0.0/8" was expected` }]
  })
}
