import { z } from 'zod'
import { whenBlind } from '../blind-setting.ts'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import { isPlainFromAfar } from '../plain-address.ts'
import type { PolicySchema } from '../policy.ts'
import { throttleFailures } from '../throttle-setting.ts'

const ownPath = z.string().regex(/^\/(?!\/)[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/, 'a path such as "/oauth2/callback"').max(512)
const scope = z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]+$/, 'a scope without spaces, quotes and backslashes')
/** What the gateway sends itself. */
const own = new Set(['response_type', 'response_mode', 'client_id', 'redirect_uri', 'scope', 'state', 'nonce', 'code_challenge', 'code_challenge_method', 'request', 'request_uri'])

const settings = z.strictObject({
  ...everyPolicy,
  issuer: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).describe('Who users log in at; its metadata (OpenID Connect Discovery) says where. `http://` only on loopback.'),
  clientId: z.string().min(1).max(1024).describe('Who the gateway is to the issuer.'),
  clientSecret: z.string().min(1).max(4096).describe('What it proves that with; best written as `env:NAME`.'),
  clientAuth: z.enum(['basic', 'body']).default('basic').describe('Where the two stand: in `Authorization`, or in the body of the form.'),
  cookieKeys: z
    .array(z.string().min(32, 'at least 32 characters, such as 32 random bytes in hex').max(4096))
    .min(1)
    .max(10)
    .describe('Secrets of at least 32 characters that sessions are encrypted with, best written as `env:NAME`. The first encrypts, all decrypt: put a new one in front, and take an old one out after `sessionSeconds`.'),
  callbackPath: ownPath.default('/oauth2/callback').describe('Where the issuer sends users back to; a path of this route, and registered there as a redirect URI.'),
  logoutPath: ownPath.default('/oauth2/logout').describe('Logs out here and at the issuer; a path of this route.'),
  afterLogout: ownPath.default('/').describe('Where a user comes to after that; registered at the issuer as a post-logout redirect URI.'),
  backchannelLogoutPath: ownPath.optional().describe('Where the issuer says that sessions are over (OpenID Connect Back-Channel Logout); a path of this route. Left out: it cannot.'),
  publicUrl: z
    .url({ protocol: /^https?$/, error: 'an http or https URL' })
    .refine((value) => URL.parse(value)?.pathname === '/' && !/[?#]/.test(value), 'an address without a path, such as "https://app.example.com"')
    .transform((value) => new URL(value).origin)
    .optional()
    .describe('How browsers reach this route; left out: by the scheme and host of the request.'),
  scopes: z.array(scope).max(50).default([]).describe('What is asked for besides `openid`, such as `profile`, or `offline_access` for refresh tokens.'),
  parameters: z
    .record(z.string().regex(/^[\x21-\x7e]{1,64}$/), z.string().max(1024))
    .refine((value) => !Object.keys(value).some((name) => own.has(name)), 'parameters that the gateway does not send itself')
    .default({})
    .describe('Further parameters of the request to log in, such as `prompt: consent`.'),
  claims: z
    .array(z.string().min(1).max(128))
    .max(50)
    .default(['name', 'email', 'preferred_username'])
    .describe('Claims of the ID token that the session keeps besides `iss`, `sub` and `sid`, for `acl` and other policies; each makes the cookie longer.'),
  consumerClaim: z.string().min(1).max(128).default('sub').describe('The claim that names the consumer.'),
  forwardAccessToken: z.boolean().default(false).describe('Send the access token to the upstream, as `Authorization: Bearer`; it makes the cookie longer.'),
  sessionSeconds: z.int().min(60).max(2_592_000).default(28_800).describe('How long a session lasts, counted from the login.'),
  cookieName: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'letters, digits, "_" and "-" (at most 64)').default('sluice-session').describe('What the cookies are called; over https behind `__Host-`. Routes of equal settings share their sessions.'),
  insecure: z.boolean().default(false).describe('Allow `http://` off loopback, for the issuer and for browsers.'),
  timeoutMs: z.int().min(50).max(10_000).default(5000).describe('How long the issuer may take.'),
  throttleFailures,
  whenBlind,
  failure: failsClosed,
})

export type OidcLoginSettings = z.output<typeof settings>

export const schema: PolicySchema<OidcLoginSettings> = { name: 'oidc-login', settings, hooks: ['onRequest'], identity: true, problems }

function problems(value: OidcLoginSettings): { path: string[]; message: string }[] {
  const found: { path: string[]; message: string }[] = []
  for (const name of ['issuer', 'publicUrl'] as const) {
    const address = value[name]
    if (address === undefined || value.insecure || !isPlainFromAfar(address)) continue
    found.push({ path: [name], message: 'http:// is for loopback only; use https://, or say "insecure: true" beside it' })
  }
  const paths = ['callbackPath', 'logoutPath', 'backchannelLogoutPath'] as const
  for (const [index, name] of paths.entries()) {
    const path = value[name]
    if (path !== undefined && paths.slice(0, index).some((other) => value[other] === path)) found.push({ path: [name], message: `the path "${path}" stands twice` })
  }
  return found
}
