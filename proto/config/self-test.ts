import { z } from 'zod'
import { resourceName } from './strings.ts'

const fieldName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/, 'a header field name')

/** A request that each edge answers for itself, with a revision that is compiled and not in force yet. */
export const selfTest = z.strictObject({
  name: resourceName.describe('Unique among self-tests.'),
  request: z
    .strictObject({
      method: z.string().regex(/^[A-Z][A-Z0-9_-]{0,31}$/, 'a method in capitals, such as "GET"').default('GET').describe('How it asks.'),
      url: z.string().max(8192).refine(isRequestUrl, 'a URL such as "https://api.example.com/users/7"').describe('What it asks for; `https` counts as encrypted.'),
      headers: z.record(fieldName, z.string().max(8192)).default({}).describe('Fields besides Host.'),
      address: z.union([z.ipv4(), z.ipv6()], 'an address such as "192.0.2.1"').default('192.0.2.1').describe('Where the client would be.'),
    })
    .describe('Without a body.'),
  expect: z
    .strictObject({
      route: resourceName.optional().describe('The route that takes it.'),
      upstream: resourceName.optional().describe('It would be sent there.'),
      status: z.int().min(100).max(599).optional().describe('The gateway answers it with this.'),
      reason: z.string().min(1).max(100).optional().describe('The code of the error it is answered with, such as `policy.unauthenticated`.'),
      headers: z.record(fieldName, z.string().max(8192)).default({}).describe('Fields of the gateway\'s answer: a value, or `*` for present.'),
    })
    .refine(({ headers, ...others }) => Object.keys(others).length + Object.keys(headers).length > 0, 'one thing at least that is expected')
    .refine(({ upstream, status, reason }) => upstream === undefined || (status === undefined && reason === undefined), '"upstream", or "status" and "reason": what is sent on is answered there')
    .describe('All that is said must hold.'),
})

export type SelfTest = z.output<typeof selfTest>

function isRequestUrl(value: string): boolean {
  return URL.canParse(value) && /^https?:\/\//.test(value)
}
