import { z } from 'zod'

const server = z.string().regex(/^(\d{1,3}(\.\d{1,3}){3}(:\d{1,5})?|[0-9A-Fa-f:]+:[0-9A-Fa-f:.]*|\[[0-9A-Fa-f:.]+\](:\d{1,5})?)$/, 'an address such as "10.0.0.2", "10.0.0.2:5353" or "[fd00::2]:53"')

const settings = z
  .strictObject({
    source: z.literal('dns').default('dns').describe('The addresses of a name.'),
    name: z.string().regex(/^(?=.{1,254}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_]([A-Za-z0-9_-]{0,62}))*\.?$/, 'a name such as "users.internal" or "_http._tcp.users.internal"').describe('The whole name that is asked for; nothing is added to it.'),
    record: z.enum(['A', 'AAAA', 'SRV']).default('A').describe('`A`: IPv4 addresses, `AAAA`: IPv6 addresses; `SRV` (RFC 2782) brings port, weight and priority along.'),
    port: z.int().min(1).max(65_535).optional().describe('With `A` and `AAAA`, and only with them: the port of every endpoint.'),
    servers: z.array(server).min(1).max(8).optional().describe('Who is asked, the next when one does not answer [those of the machine].'),
    minTtlSeconds: z.number().min(0.1).max(3600).default(1).describe('Asked no more often than this, however short the answer holds.'),
    maxTtlSeconds: z.number().min(1).max(86_400).default(300).describe('Asked at least this often, however long the answer holds.'),
    holdSeconds: z.number().min(0).max(86_400).default(30).describe('For this long an answer without addresses (NXDOMAIN, too) is doubted and the last one stands; 0 believes it at once.'),
  })
  .refine(({ record, port }) => record === 'SRV' || port !== undefined, { path: ['port'], error: 'needed, since an address has none' })
  .refine(({ record, port }) => record !== 'SRV' || port === undefined, { path: ['port'], error: 'no port: "SRV" brings it along' })

/** `discovery: { source: dns }`: the addresses of a name, asked again when their time is over. */
export const schema = { name: 'dns', settings } as const

export type DnsSettings = z.output<typeof settings>
