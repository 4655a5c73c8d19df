import { policies } from '@sluice/policies'
import type { PolicySchema } from '@sluice/policies/policy'
import type { PolicySchemas } from './policy-checks.ts'

/** The schemas of every policy there is, by type; no implementation is loaded. */
export const policySchemas: PolicySchemas = new Map(policies.map((entry) => [entry.name, entry as unknown as PolicySchema<never>]))
