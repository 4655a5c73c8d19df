import { catalogue } from '@sluice/policies'
import type { PolicySchemas } from './policy-checks.ts'

/** The schemas of every policy there is, by type; no implementation is loaded. */
export const policySchemas: PolicySchemas = new Map(catalogue.map((entry) => [entry.name, entry]))
