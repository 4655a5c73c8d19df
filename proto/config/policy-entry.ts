import { z } from 'zod'

/**
 * One policy as the file holds it: its type as the only key, its settings (or `false`: a less specific one is off)
 * as the value. What the settings mean is the policy's own `schema.ts`; here only the shape is checked.
 */
export const policyEntry = z
  .record(z.string(), z.union([z.literal(false), z.record(z.string(), z.unknown())]))
  .refine((value) => Object.keys(value).length === 1, 'one policy an entry, such as "- cors: {}"')

export const policyList = z.array(policyEntry).max(100)

export type PolicyEntry = z.output<typeof policyEntry>

/** The type and the settings of an entry; `settings` is undefined when the policy is switched off. */
export function readPolicyEntry(entry: PolicyEntry): { type: string; settings: Record<string, unknown> | undefined } {
  const [type, settings] = Object.entries(entry)[0]!
  return { type, settings: settings === false ? undefined : settings }
}
