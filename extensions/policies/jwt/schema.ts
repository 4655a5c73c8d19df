import { z } from 'zod'
import { audiences, forwardToken, from, requiredClaims, scopes } from '../bearer-token-settings.ts'
import { whenBlind } from '../blind-setting.ts'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { throttleFailures } from '../throttle-setting.ts'
import { keyProblems } from './key-problems.ts'

/** Accepted signature algorithms (RFC 7518 §3.1, RFC 8037 §3.1, RFC 9864); `none` is not among them and never will be. */
const algorithmNames = [
  'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519',
  'HS256', 'HS384', 'HS512',
] as const

const algorithm = z.enum(algorithmNames)

const key = z
  .strictObject({
    kid: z.string().min(1).optional().describe('Tokens that name a key are checked with the key of that name.'),
    alg: algorithm.optional().describe('The only algorithm this key checks.'),
    pem: z.string().min(1).optional().describe('A public key or certificate in PEM.'),
    secret: z.string().min(1).optional().describe('The shared secret of HS256, HS384 and HS512.'),
  })
  .refine((value) => (value.pem === undefined) !== (value.secret === undefined), 'a key has either "pem" or "secret"')

const settings = z.strictObject({
  ...everyPolicy,
  issuer: z.string().min(1).optional().describe('`iss` must be this.'),
  audiences,
  jwksUri: z.url({ protocol: /^https?$/, error: 'an http or https URL' }).optional().describe('Where the key set is fetched; one fetch for the whole system, `http://` only on loopback.'),
  insecure: z.boolean().default(false).describe('Allow `http://` off loopback in `jwksUri`.'),
  jwksFile: z.string().min(1).optional().describe('A file with the key set, read at apply.'),
  keys: z.array(key).min(1).optional().describe('The keys themselves.'),
  algorithms: z.array(algorithm).min(1).optional().describe('Accepted signature algorithms. Required unless every key in `keys` or `jwksFile` names its `alg`.'),
  leewaySeconds: z.int().min(0).max(3600).default(30).describe('How far clocks may differ for `exp`, `nbf` and `iat`.'),
  requiredClaims,
  scopes,
  consumerClaim: z.string().min(1).default('sub').describe('The claim that names the consumer.'),
  from,
  forwardToken,
  throttleFailures,
  whenBlind,
  failure: failsClosed,
})

export type JwtSettings = z.output<typeof settings>

export const schema: PolicySchema<JwtSettings> = { name: 'jwt', settings, hooks: ['onRequest'], identity: true, problems: keyProblems }
