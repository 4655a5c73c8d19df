import { z } from 'zod'

const endpoint = z.object({
  url: z.string().describe('`http://host:port`, with a base path or not; it is the id, too.'),
  weight: z.number().min(0).default(1).describe('Share of the traffic beside the others; 0 takes none.'),
  zone: z.string().default('').describe('Where it stands.'),
  priority: z.int().min(0).default(0).describe('Lower ones first.'),
})

const settings = z.object({
  endpoints: z.array(endpoint).describe('The endpoints. Of two with one URL the first counts.'),
})

/** `endpoints` of an upstream, as the configuration lists them. */
export const schema = { name: 'static', settings } as const

export type StaticSettings = z.output<typeof settings>
