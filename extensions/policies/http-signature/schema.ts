import { configuredKeyProblem } from '@sluice/verifier/key-set'
import { z } from 'zod'
import { everyPolicy, failsClosed } from '../every-policy.ts'
import type { PolicySchema } from '../policy.ts'
import { throttleFailures } from '../throttle-setting.ts'
import { componentProblem } from './signature-base.ts'

/** Names of RFC 9421 §3.3, and what the verifier calls them (RFC 7518 §3.1, RFC 9864). */
export const algorithms = {
  'hmac-sha256': 'HS256',
  ed25519: 'Ed25519',
  'ecdsa-p256-sha256': 'ES256',
  'ecdsa-p384-sha384': 'ES384',
  'rsa-pss-sha512': 'PS512',
  'rsa-v1_5-sha256': 'RS256',
} as const

type AlgorithmName = keyof typeof algorithms

const key = z
  .strictObject({
    keyId: z.string().regex(/^[\x21\x23-\x5b\x5d-\x7e]{1,128}$/, 'a name of at most 128 ASCII characters without blanks, quotes and backslashes').describe('What signatures name it by (`keyid`).'),
    algorithm: z.enum(Object.keys(algorithms) as [AlgorithmName, ...AlgorithmName[]]).describe('The only algorithm this key checks.'),
    pem: z.string().min(1).optional().describe('A public key or certificate in PEM.'),
    secret: z.string().min(1).optional().describe('The shared secret of `hmac-sha256`, at least 32 bytes; best written as `env:NAME`.'),
    subject: z.string().min(1).max(256).optional().describe("Whose it is: a consumer's `jwtSubject`; the key id itself when left out."),
  })
  .refine((value) => (value.pem === undefined) !== (value.secret === undefined), 'a key has either "pem" or "secret"')

const component = z.string().refine((name) => componentProblem(name) === undefined, { error: (issue) => componentProblem(String(issue.input)) ?? 'a component' })

const settings = z.strictObject({
  ...everyPolicy,
  keys: z.array(key).min(1).max(1000).describe('Who may sign.'),
  components: z
    .array(component)
    .min(1)
    .max(50)
    .default(['@method', '@target-uri', 'content-digest'])
    .describe('What a signature must cover at least; `content-digest` only of a request with a body, which is then held against it.'),
  maxAgeSeconds: z.int().min(1).max(86_400).default(300).describe('How old a signature may be (`created`).'),
  leewaySeconds: z.int().min(0).max(3600).default(30).describe("How far the signer's clock may be ahead."),
  requireNonce: z.boolean().default(false).describe('Refuse a signature without `nonce`. One that has it is good once, on all edges together.'),
  tag: z.string().min(1).max(128).optional().describe('Only signatures with this `tag` count.'),
  throttleFailures,
  failure: failsClosed,
})

export type HttpSignatureSettings = z.output<typeof settings>

export const schema: PolicySchema<HttpSignatureSettings> = { name: 'http-signature', settings, hooks: ['onRequest', 'onRequestBody', 'onDone'], identity: true, problems }

function problems({ keys }: HttpSignatureSettings): { path: (string | number)[]; message: string }[] {
  return keys.flatMap(({ keyId, algorithm, pem, secret }, index) => {
    const path = ['keys', index]
    if (keys.findIndex((other) => other.keyId === keyId) !== index) return [{ path: [...path, 'keyId'], message: `the key "${keyId}" stands twice` }]
    const given = pem ?? secret ?? ''
    // A reference that was not read is a problem of its own.
    if (/^(?:env|file):/.test(given)) return []
    const problem = configuredKeyProblem({ alg: algorithms[algorithm], ...(pem === undefined ? {} : { pem }), ...(secret === undefined ? {} : { secret }) }, undefined)
    return problem === undefined ? [] : [{ path: [...path, pem === undefined ? 'secret' : 'pem'], message: problem }]
  })
}
