/** Signatures over requests (RFC 9421), checked here on a thread with keys of the configuration, as identities. */
import type { SignatureChecks, SignatureRules, SignedText, Verdict } from '@sluice/policies/policy'
import { type AlgorithmName, codeOfCheck, parseConfiguredKeys, RecentMap, type VerificationKey, type Verifier } from '@sluice/verifier'
import type { ConsumersBySubject } from './consumers-by-subject.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import { type Claims, TokenIdentities } from './token-identities.ts'

export interface SignedRequestsParts {
  readonly verifier: Pick<Verifier, 'verifySignature'>
  readonly consumers: ConsumersBySubject
  readonly attempts: FailedAttempts
  readonly clock: { monotonic(): number }
}

interface Signer {
  readonly key: VerificationKey
  readonly algorithm: AlgorithmName
  readonly claims: Claims
}

const method = 'http-signature'
const unknown: Verdict = { outcome: 'invalid', reason: 'key_unknown' }
const bad: Verdict = { outcome: 'invalid', reason: 'bad_signature' }
/** Who signed well from an address is not slowed there for what others do: each request is a new signature. */
const trustMs = 600_000

export class SignedRequests implements SignatureChecks {
  readonly #parts: SignedRequestsParts
  readonly #signers: ReadonlyMap<string, Signer>
  readonly #identities: TokenIdentities
  readonly #signedWell = new RecentMap<number>(10_000)

  /** Throws `config.invalid` for keys that cannot be used. */
  constructor({ keys }: SignatureRules, parts: SignedRequestsParts) {
    this.#parts = parts
    this.#identities = new TokenIdentities(parts.consumers, ['sub'], method)
    this.#signers = new Map(keys.map((one) => [one.keyId, signerOf(one)]))
  }

  async check({ keyId, base, signature }: SignedText, address?: string): Promise<Verdict> {
    const { verifier, attempts, clock } = this.#parts
    const signer = this.#signers.get(keyId)
    if (signer === undefined) return unknown
    const place = `${keyId} ${address}`
    const attempt = { address, id: keyId, isUnguessable: true } as const
    const throttled = clock.monotonic() - (this.#signedWell.get(place) ?? -Infinity) < trustMs ? undefined : attempts.refuse(method, attempt)
    if (throttled !== undefined) return throttled
    try {
      if (!(await verifier.verifySignature({ algorithm: signer.algorithm, key: signer.key, signingInput: base, signature }))) {
        attempts.failed(method, attempt)
        return bad
      }
    } catch (error) {
      return { outcome: 'unavailable', code: codeOfCheck(error) }
    }
    this.#signedWell.set(place, clock.monotonic())
    return this.#identities.identify(signer.claims)
  }
}

function signerOf({ keyId, algorithm, pem, secret, subject }: SignatureRules['keys'][number]): Signer {
  const configured = { kid: keyId, alg: algorithm, ...(pem === undefined ? {} : { pem }), ...(secret === undefined ? {} : { secret }) }
  const key = parseConfiguredKeys([configured], undefined).keys[0]!
  return { key, algorithm: key.algorithms[0]!, claims: Object.freeze({ sub: subject, keyid: keyId }) }
}
