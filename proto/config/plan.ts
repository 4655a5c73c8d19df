import { z } from 'zod'
import type { PolicyEntry } from './policy-entry.ts'
import { resourceMarks, resourceName } from './strings.ts'

/** What the policy's own schema takes, checked by it; its name is the plan's to give. */
const settingsOf = (policy: string) =>
  z.record(z.string(), z.unknown()).refine((settings) => !Object.hasOwn(settings, 'name'), `the settings of \`${policy}\` without "name": in a plan it has one`)

const price = z.strictObject({
  amount: z.string().regex(/^(0|[1-9]\d{0,11})(\.\d{1,6})?$/, 'an amount as text, such as "49.00"').describe('As text, such as `"49.00"`: a number would lose digits.'),
  currency: z.string().regex(/^[A-Z]{3}$/, 'a currency of ISO 4217, such as "EUR"').describe('ISO 4217, such as `EUR`.'),
  per: z.enum(['month', 'day', 'request']).describe('What it is paid for.'),
})

/** What consumers subscribe to: routes, how much of them, and what that costs. */
export const plan = z.strictObject({
  name: resourceName.describe('Unique among plans; a consumer names it as its `plan`.'),
  title: z.string().min(1).max(200).optional().describe('For people.'),
  routes: z.array(resourceName).min(1).max(10_000).optional().describe('What its subscribers may use of the routes that ask who is calling; the others answer them 403. Every route when left out.'),
  limit: settingsOf('rate-limit').optional().describe('Settings of `rate-limit`, for each subscriber; it is called `plan-limit`.'),
  quota: settingsOf('quota').optional().describe('Settings of `quota`, for each subscriber; it is called `plan-quota`.'),
  price: price.optional().describe('Kept and shown; nothing is reckoned from it.'),
  ...resourceMarks,
})

export type Plan = z.output<typeof plan>

/** The group that a plan's subscribers are in. No group of a configuration can be called so. */
export function groupOfPlan(name: string): string {
  return `${groupPrefix}${name}`
}

/** The plan whose subscribers this group holds; undefined when it is an ordinary one. */
export function planOfGroup(group: string): string | undefined {
  return group.startsWith(groupPrefix) ? group.slice(groupPrefix.length) : undefined
}

const groupPrefix = 'plan:'

/** What a plan limits, as entries of policies. */
export function limitsOfPlan({ limit, quota }: Pick<z.input<typeof plan>, 'limit' | 'quota'>): PolicyEntry[] {
  return [
    ...(limit === undefined ? [] : [{ 'rate-limit': { ...limit, name: 'plan-limit' } }]),
    ...(quota === undefined ? [] : [{ quota: { ...quota, name: 'plan-quota' } }]),
  ]
}
