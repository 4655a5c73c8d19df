import { z } from 'zod'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { expressionProblem } from './expression.ts'

const names = z.array(z.string().min(1)).min(1)
const claimValue = z.union([z.string(), z.number(), z.boolean()])
const when = z.string().refine((text) => expressionProblem(text) === undefined, { error: (issue) => `no condition: ${expressionProblem(String(issue.input))}` })
const claims = z.record(z.string().min(1), z.union([claimValue, z.array(claimValue).min(1)]))

const allow = z
  .strictObject({
    groups: names.optional().describe('Members of one of these groups.'),
    consumers: names.optional().describe('One of these consumers; beside `groups`, either is enough.'),
    scopes: names.optional().describe('Only with all of these scopes.'),
    claims: claims.optional().describe('Only with all of these claims: a value, or a list of which one must match.'),
    when: when.optional().describe('Only while this holds, such as `claims.tenant == parameters.tenant`.'),
  })
  .refine(isNotEmpty, 'at least one of "groups", "consumers", "scopes", "claims" and "when"')

const deny = z
  .strictObject({
    groups: names.optional().describe('Members of one of these groups.'),
    consumers: names.optional().describe('One of these consumers.'),
    scopes: names.optional().describe('With one of these scopes.'),
    claims: claims.optional().describe('With one of these claims.'),
    when: when.optional().describe('While this holds.'),
  })
  .refine(isNotEmpty, 'at least one of "groups", "consumers", "scopes", "claims" and "when"')

const settings = z
  .strictObject({
    ...everyPolicy,
    allow: allow.optional().describe('Who may pass; left out: whoever is not denied.'),
    deny: deny.optional().describe('Who may not, whatever `allow` says. Any one match is enough.'),
    failure: failsClosed,
  })
  .refine((value) => value.allow !== undefined || value.deny !== undefined, 'at least one of "allow" and "deny"')

function isNotEmpty(value: Record<string, unknown>): boolean {
  return Object.values(value).some((one) => one !== undefined)
}

export type AclSettings = z.output<typeof settings>

export const schema: PolicySchema<AclSettings> = { name: 'acl', settings, hooks: ['onRequest'] }
