import { z } from 'zod'
import { parseSource } from '../credential-source.ts'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import { isPlainFromAfar } from '../plain-address.ts'
import type { PolicySchema } from '../policy.ts'

const webAddress = z.url({ protocol: /^https?$/, error: 'an http or https URL' })

const settings = z.strictObject({
  ...everyPolicy,
  grant: z
    .enum(['client-credentials', 'token-exchange'])
    .default('client-credentials')
    .describe("`client-credentials`: the gateway's own token (RFC 6749 §4.4), the same for all callers. `token-exchange`: one for the caller, in exchange for the token that it was let in with (RFC 8693)."),
  issuer: webAddress.optional().describe('Whose metadata says where tokens are got (OpenID Connect Discovery, RFC 8414).'),
  tokenUrl: webAddress.optional().describe('Instead: where they are got; `http://` only on loopback.'),
  insecure: z.boolean().default(false).describe('Allow `http://` off loopback.'),
  clientId: z.string().min(1).max(1024).describe('Who the gateway is to the issuer.'),
  clientSecret: z.string().min(1).max(4096).describe('What it proves that with; best written as `env:NAME`.'),
  clientAuth: z.enum(['basic', 'body']).default('basic').describe('Where the two stand: in `Authorization`, or in the body of the form.'),
  scopes: z.array(z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'a scope without spaces, quotes and backslashes')).max(50).default([]).describe('What the token is to allow.'),
  audience: z.string().min(1).max(1024).optional().describe('Whom it is for, by the name that the issuer knows.'),
  resource: webAddress.optional().describe('Whom it is for, by address (RFC 8707).'),
  from: z
    .string()
    .refine((value) => parseSource(value) !== undefined, '"header NAME", "query NAME" or "cookie NAME"')
    .default('header authorization')
    .describe("Where the caller's token stands, for `token-exchange`; in `authorization` behind the scheme `Bearer`."),
  subjectTokenType: z.string().regex(/^urn:[\x21-\x7e]{1,200}$/, 'a URN such as "urn:ietf:params:oauth:token-type:jwt"').optional().describe("What the caller's token is (RFC 8693 §3); left out: an access token."),
  header: z
    .string()
    .regex(/^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$/, "a field's name")
    .default('authorization')
    .describe('The field that carries it; in `authorization`, behind `Bearer`. What a client sends there is removed.'),
  timeoutMs: z.int().min(50).max(10_000).default(2000).describe('How long the issuer may take.'),
  failure: failsClosed,
})

export type UpstreamTokenSettings = z.output<typeof settings>

export const schema: PolicySchema<UpstreamTokenSettings> = { name: 'upstream-token', settings, hooks: ['onRequest', 'onResponse'], countsOrAsks: true, problems }

function problems({ issuer, tokenUrl, insecure }: UpstreamTokenSettings): { path: string[]; message: string }[] {
  if (issuer === undefined && tokenUrl === undefined) return [{ path: ['issuer'], message: 'one of "issuer" and "tokenUrl" is needed' }]
  if (issuer !== undefined && tokenUrl !== undefined) return [{ path: ['tokenUrl'], message: 'only one of "issuer" and "tokenUrl" may be there' }]
  const [name, address] = issuer === undefined ? (['tokenUrl', tokenUrl!] as const) : (['issuer', issuer] as const)
  if (insecure || !isPlainFromAfar(address)) return []
  return [{ path: [name], message: 'http:// is for loopback only; use https://, or say "insecure: true" beside it' }]
}
