import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'

const origin = z
  .string()
  .regex(/^(\*|null|[A-Za-z][A-Za-z0-9+.-]*:\/\/(\*\.)?([A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\])(:\d{1,5})?)$/, 'an origin such as "https://app.example.com" or "https://*.example.com" without a path, or "*"')

const token = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a name without spaces or commas')

const settings = z.strictObject({
  ...everyPolicy,
  origins: z.array(origin).min(1).describe('Who may read: exact origins, `*` for all, `https://*.example.com` for every name below (one or more labels).'),
  methods: z.array(token).min(1).optional().describe("Methods a preflight allows; left out: those of the route, and for a route without any GET, HEAD, POST, PUT, PATCH, DELETE."),
  headers: z.array(token).optional().describe('Request fields a preflight allows; left out: those it asks for.'),
  exposedHeaders: z.array(token).default([]).describe('Response fields that scripts may read.'),
  credentials: z.boolean().default(false).describe('Cookies and client certificates may be sent; not together with the origin `*`.'),
  maxAgeSeconds: z.int().min(0).max(31_536_000).default(86_400).describe('How long a browser may remember a preflight; 0: not at all.'),
  privateNetwork: z.boolean().default(false).describe('Allow a public page to call this private address (Private Network Access).'),
})

export type CorsSettings = z.output<typeof settings>

export const schema: PolicySchema<CorsSettings> = {
  name: 'cors',
  settings,
  hooks: ['onRequest', 'onResponse'],
  problems({ origins, credentials }) {
    const at = origins.indexOf('*')
    if (!credentials || at < 0) return []
    return [{ path: ['origins', at], message: 'the origin "*" and "credentials: true" do not go together: any site could act as its visitors; name the origins' }]
  },
}
