import { z } from 'zod'
import { everyPolicy } from '../every-policy.ts'
import { isPlainFromAfar } from '../plain-address.ts'
import type { PolicySchema } from '../policy.ts'

const fieldName = z.string().regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "a field's name").transform((name) => name.toLowerCase())
/** What delimits messages, and what the gateway itself says of a request, is nobody else's to set. */
const reserved = /^(?:host|content-length|transfer-encoding|connection|keep-alive|te|trailer|upgrade|proxy-connection|expect|via|forwarded|x-forwarded-[a-z-]+|x-request-id|x-consumer-(?:name|groups)|x-credential-id)$/
const settable = fieldName.refine((name) => !reserved.test(name), 'a field that the gateway does not set itself')

/** Whether another server may set or remove the field. */
export function isSettable(name: string): boolean {
  return !reserved.test(name.toLowerCase())
}

const input = z
  .string()
  .regex(/^(?:method|host|path|query|ip|consumer|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128})$/, '"method", "host", "path", "query", "ip", "consumer" or "header:NAME"')

const settings = z.strictObject({
  ...everyPolicy,
  url: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).optional().describe('A server that is asked by HTTP: 2xx lets the request pass.'),
  grpc: z.url({ protocol: /^https?$/, error: 'an http or https URL such as "http://127.0.0.1:9191"' }).optional().describe("Instead: a server that is asked by gRPC, with Envoy's `ext_authz` (v3); `http://` speaks HTTP/2 without TLS."),
  insecure: z.boolean().default(false).describe('Allow `http://` off loopback.'),
  forwardHeaders: z.array(settable).max(50).default(['authorization', 'cookie']).describe("The request's fields that the server is shown."),
  upstreamHeaders: z.array(settable).max(50).default([]).describe("Fields of a yes that go on to the upstream; what a client sends under these names is removed. With gRPC, the server's own list is taken, too."),
  clientHeaders: z
    .array(settable)
    .max(50)
    .default(['www-authenticate', 'location', 'set-cookie', 'content-type', 'cache-control', 'retry-after'])
    .describe('Fields of a no that the client is shown.'),
  consumerHeader: fieldName.optional().describe("The field of a yes that names the caller: a consumer's `jwtSubject`."),
  cacheSeconds: z.int().min(0).max(3600).default(0).describe('How long a yes is used for requests that are alike. A no is never remembered.'),
  cacheBy: z.array(input).min(1).max(20).optional().describe('What makes requests alike; left out, everything that the server is told.'),
  timeoutMs: z.int().min(10).max(30_000).default(1000).describe('How long the server may take.'),
  failure: z.enum(['closed', 'open']).default('closed').describe('What happens while the server cannot be asked or answers 5xx: `closed` answers 503, `open` lets the request pass, unknown.'),
})

export type ExtAuthSettings = z.output<typeof settings>

export const schema: PolicySchema<ExtAuthSettings> = { name: 'ext-auth', settings, hooks: ['onRequest'], countsOrAsks: true, identity: true, problems }

function problems({ url, grpc, insecure }: ExtAuthSettings): { path: string[]; message: string }[] {
  if (url === undefined && grpc === undefined) return [{ path: ['url'], message: 'one of "url" and "grpc" is needed' }]
  if (url !== undefined && grpc !== undefined) return [{ path: ['grpc'], message: 'only one of "url" and "grpc" may be there' }]
  const [name, address] = url === undefined ? (['grpc', grpc!] as const) : (['url', url] as const)
  if (insecure || !isPlainFromAfar(address)) return []
  return [{ path: [name], message: 'http:// is for loopback only, since it carries credentials; use https://, or say "insecure: true" beside it' }]
}
