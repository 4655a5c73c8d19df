import { z } from 'zod'

const settings = z.strictObject({
  source: z.literal('registration').default('registration').describe('Instances that register themselves.'),
  service: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'a name of letters, digits, ".", "_" and "-" (at most 128), beginning with a letter or digit').describe('The name under which they register.'),
  tags: z.array(z.string()).default([]).describe('Only instances that have all of these.'),
  version: z.string().optional().describe('Only instances of this version.'),
  datacenter: z.string().optional().describe('Only instances of this datacenter.'),
})

/** `discovery: { source: registration }`: instances that register themselves. */
export const schema = { name: 'registration', settings } as const

export type RegistrationSettings = z.output<typeof settings>
