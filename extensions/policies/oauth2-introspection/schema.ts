import { z } from 'zod'
import { audiences, forwardToken, from, requiredClaims, scopes } from '../bearer-token-settings.ts'
import { whenBlind } from '../blind-setting.ts'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import { isPlainFromAfar } from '../plain-address.ts'
import type { PolicySchema } from '../policy.ts'
import { throttleFailures } from '../throttle-setting.ts'

const webAddress = z.url({ protocol: /^https?$/, error: 'an http or https URL' })

const settings = z.strictObject({
  ...everyPolicy,
  introspectionUrl: webAddress.optional().describe('Where the issuer is asked (RFC 7662); `http://` only on loopback.'),
  issuer: webAddress.optional().describe('Instead: the issuer whose metadata names that address (OpenID Connect Discovery, RFC 8414).'),
  insecure: z.boolean().default(false).describe('Allow `http://` off loopback.'),
  clientId: z.string().min(1).max(1024).describe('Who the gateway is to the issuer.'),
  clientSecret: z.string().min(1).max(4096).describe('What it proves that with; best written as `env:NAME`.'),
  clientAuth: z.enum(['basic', 'body']).default('basic').describe('Where the two stand: in `Authorization`, or in the body of the form.'),
  audiences,
  requiredClaims,
  scopes,
  consumerClaim: z.string().min(1).optional().describe("The member of the issuer's answer that names the consumer; left out: `sub`, or `client_id` when there is none."),
  from,
  forwardToken,
  cacheSeconds: z.int().min(0).max(86_400).default(60).describe('How long an answer is used, counted from when the issuer gave it; never past `exp`.'),
  staleSeconds: z.int().min(0).max(86_400).default(0).describe('How long it is used while the issuer or auth is away; never less than `cacheSeconds`, never past `exp`.'),
  timeoutMs: z.int().min(50).max(10_000).default(2000).describe('How long the issuer may take.'),
  throttleFailures,
  whenBlind,
  failure: failsClosed,
})

export type OAuth2IntrospectionSettings = z.output<typeof settings>

export const schema: PolicySchema<OAuth2IntrospectionSettings> = { name: 'oauth2-introspection', settings, hooks: ['onRequest'], identity: true, problems: addressProblems }

type Problem = { readonly path: readonly string[]; readonly message: string }

function addressProblems({ introspectionUrl, issuer, insecure }: OAuth2IntrospectionSettings): Problem[] {
  if (introspectionUrl === undefined && issuer === undefined) return [{ path: ['introspectionUrl'], message: 'one of "introspectionUrl" and "issuer" is needed' }]
  if (introspectionUrl !== undefined && issuer !== undefined) return [{ path: ['issuer'], message: 'only one of "introspectionUrl" and "issuer" may be there' }]
  return [...plainProblem('introspectionUrl', introspectionUrl, insecure), ...plainProblem('issuer', issuer, insecure)]
}

/** Whoever stands in between reads every token, and answers for the issuer. */
function plainProblem(name: string, address: string | undefined, insecure: boolean): Problem[] {
  if (address === undefined || insecure || !isPlainFromAfar(address)) return []
  return [{ path: [name], message: 'http:// is for loopback only; use https://, or say "insecure: true" beside it' }]
}
