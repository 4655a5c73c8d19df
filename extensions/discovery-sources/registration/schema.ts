import { z } from 'zod'

const settings = z.object({
  service: z.string().min(1).describe('The name under which instances register.'),
  tags: z.array(z.string()).default([]).describe('Only instances that have all of these.'),
  version: z.string().optional().describe('Only instances of this version.'),
  datacenter: z.string().optional().describe('Only instances of this datacenter.'),
})

/** `discovery: { source: registration }`: instances that register themselves. */
export const schema = { name: 'registration', settings } as const

export type RegistrationSettings = z.output<typeof settings>
