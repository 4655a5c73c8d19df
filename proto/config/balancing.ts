/** How an upstream's attempts are spread, and when it is left alone. */
import { z } from 'zod'
import { positiveInteger } from './strings.ts'

export const balancerName = z.enum(['round-robin', 'least-requests', 'consistent-hash', 'ip-hash', 'sticky-cookie', 'latency'])

/** A token (RFC 9110 §5.6.2), as names of fields and cookies are. */
const token = "[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}"

export const hashOn = z.string().regex(new RegExp(`^(client|path|consumer|(header|cookie):${token})$`), '"client", "path", "consumer", "header:NAME" or "cookie:NAME"')

export const stickyCookie = z.strictObject({
  name: z.string().regex(new RegExp(`^${token}$`), 'a cookie\'s name').optional().describe('The cookie\'s name [`sluice_` and the upstream\'s name].'),
  secret: z.string().min(16).optional().describe('Mixed into what the cookie holds, the same for every edge. Without it, whoever guesses an endpoint\'s address can tell from the cookie that the guess is right.'),
  maxAgeSeconds: positiveInteger.max(31_536_000).optional().describe('How long browsers keep the cookie; until they close when left out.'),
})

const headerValue = z.string().regex(/^[\t\x20-\x7e\x80-\xff]*$/, 'a text without control characters')

const fallback = z.strictObject({
  status: z.int().min(200).max(599).default(503).describe('The answer\'s status.'),
  body: z.string().max(65_536).optional().describe('Its body. Without one, an error has the gateway\'s own, and other answers have none.'),
  headers: z.record(z.string().regex(new RegExp(`^${token}$`), 'a field\'s name'), headerValue).optional().describe('Its fields, such as `content-type` [with a body: text/plain].'),
})

export const circuitBreaker = z.strictObject({
  consecutiveFailures: positiveInteger.max(10_000).default(10).describe('It opens after this many failures in a row.'),
  errorRatePercent: z.number().gt(0).max(100).default(50).describe('It opens when at least this share of the answers of the last ten seconds were failures.'),
  minimumRequests: positiveInteger.max(100_000).default(20).describe('The share is looked at from this many answers in ten seconds on.'),
  openSeconds: z.number().min(0.1).max(3600).default(30).describe('Nothing is sent for this long; then one request is, and its outcome closes the circuit or opens it again.'),
  fallback: z.union([z.literal('cached'), fallback]).optional().describe('What is answered meanwhile; 503 `upstream.circuit_open` when left out. `cached`: the response that is kept for the same request, however old, on routes with the policy `cache`; 503 where there is none.'),
})
