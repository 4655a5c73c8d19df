import { hash } from 'node:crypto'
import type { Exchange } from '../exchange.ts'
import { type HookResult, type Limiter, type LimitVerdict, type Policy, type PolicyParts, type Refusal, type SignatureChecks, type Verdict, refuse, refuseUnchecked } from '../policy.ts'
import { BodyDigest } from './content-digest.ts'
import { algorithms, type HttpSignatureSettings } from './schema.ts'
import { signatureBase } from './signature-base.ts'
import { readSignatureInput, readSignatures, type SignatureInput } from './signature-input.ts'

export function compile(settings: HttpSignatureSettings, parts: PolicyParts): Policy {
  return new HttpSignature(settings, parts)
}

/** A signature to be checked, and what it says of itself. */
interface Candidate {
  readonly input: SignatureInput
  readonly keyId: string
  readonly signature: string
}

/** RFC 9421: a request whose parts are signed with a key that the settings name. */
class HttpSignature implements Policy {
  private readonly settings: HttpSignatureSettings
  private readonly clock: PolicyParts['clock']
  private readonly checker: SignatureChecks
  private readonly nonces: Limiter
  private readonly algorithmOf: ReadonlyMap<string, string>
  private readonly none: Refusal
  private readonly bad: Refusal
  private readonly digests = new WeakMap<Exchange, BodyDigest>()

  constructor(settings: HttpSignatureSettings, parts: PolicyParts) {
    this.settings = settings
    this.clock = parts.clock
    this.algorithmOf = new Map(settings.keys.map(({ keyId, algorithm }) => [keyId, algorithm]))
    this.checker = parts.identity.signatures({
      keys: settings.keys.map(({ keyId, algorithm, pem, secret, subject = keyId }) => ({ keyId, algorithm: algorithms[algorithm], pem, secret, subject })),
    })
    this.nonces = parts.quota.limiter(nonceRules(settings, parts))
    // RFC 9421 §5: what a signature has to cover, so that the client can sign anew.
    const wanted = `sig=(${settings.components.map((name) => `"${name}"`).join(' ')});created;keyid${settings.requireNonce ? ';nonce' : ''}`
    this.bad = refuse('policy.unauthenticated', undefined, ['WWW-Authenticate', 'Signature realm="sluice"', 'Accept-Signature', wanted])
    this.none = { ...this.bad, withoutCredential: true }
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const { headers } = exchange.request
    if (!headers.has('signature') && !headers.has('signature-input')) return this.none
    const candidate = this.candidateIn(exchange)
    if (candidate === undefined || !this.isAcceptable(candidate, exchange)) return this.bad
    const base = signatureBase(exchange, candidate.input.components, candidate.input.parameters)
    if (base === undefined || !this.expectsDigest(candidate, exchange)) return this.bad
    const { keyId, signature } = candidate
    const verdict = this.checker.check({ keyId, base, signature }, this.settings.throttleFailures ? exchange.client.address : undefined)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, candidate, exchange)) : this.decide(verdict, candidate, exchange)
  }

  /** Each piece of the body on its way; the last one goes on only with the digest that was signed. */
  onRequestBody(exchange: Exchange, bytesSoFar: number, piece: Uint8Array): HookResult {
    const digest = this.digests.get(exchange)
    if (digest === undefined) return undefined
    digest.update(piece)
    if (bytesSoFar < exchange.request.declaredBytes!) return undefined
    this.digests.delete(exchange)
    return digest.matches() ? undefined : this.bad
  }

  onDone(exchange: Exchange): void {
    this.digests.delete(exchange)
  }

  private decide(verdict: Verdict, { input: { nonce }, keyId }: Candidate, exchange: Exchange): HookResult | Promise<HookResult> {
    if (verdict.outcome === 'invalid') return this.bad
    if (verdict.outcome !== 'valid') return refuseUnchecked(verdict)
    const admit = (taken: LimitVerdict): HookResult => {
      if (taken.decidedBy === 'closed') return refuse('dependency.counters_unreachable')
      if (!taken.admitted) return this.bad
      exchange.identity = verdict.identity
      return undefined
    }
    if (nonce === undefined) {
      exchange.identity = verdict.identity
      return undefined
    }
    // Only of a signature that is good: nobody else can use up a nonce.
    const taken = this.nonces.take(hash('sha256', JSON.stringify([keyId, nonce]), 'base64url'), 1)
    return taken instanceof Promise ? taken.then(admit) : admit(taken)
  }

  /** The first signature by a key that is known here. */
  private candidateIn({ request: { headers } }: Exchange): Candidate | undefined {
    const inputs = readSignatureInput(headers.getAll('signature-input').join(', '))
    const signatures = readSignatures(headers.getAll('signature').join(', '))
    if (inputs === undefined || signatures === undefined) return undefined
    for (const input of inputs) {
      const { keyId, label, tag } = input
      const signature = signatures.get(label)
      if (keyId === undefined || signature === undefined || !this.algorithmOf.has(keyId)) continue
      if (this.settings.tag === undefined || this.settings.tag === tag) return { input, keyId, signature: signature.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '') }
    }
    return undefined
  }

  private isAcceptable({ input, keyId }: Candidate, exchange: Exchange): boolean {
    const { components, maxAgeSeconds, leewaySeconds, requireNonce } = this.settings
    const { created, expires, algorithm, nonce } = input
    const now = this.clock.now() / 1000
    if (created === undefined || created > now + leewaySeconds || created <= now - maxAgeSeconds) return false
    if (expires !== undefined && now >= expires) return false
    // RFC 9421 §3.3: the key decides; a signature that names another algorithm is none of this key.
    if (algorithm !== undefined && algorithm !== this.algorithmOf.get(keyId)) return false
    if (nonce === undefined ? requireNonce : nonce.length > 256) return false
    const hasBody = exchange.request.declaredBytes !== 0
    return components.every((name) => input.components.includes(name) || (name === 'content-digest' && !hasBody))
  }

  /** Where a digest is signed, the body is held against it; false when that cannot be done. */
  private expectsDigest({ input }: Candidate, exchange: Exchange): boolean {
    if (!input.components.includes('content-digest')) return true
    const { declaredBytes, headers } = exchange.request
    const digest = BodyDigest.read(headers.getAll('content-digest').join(', '))
    // A body without a length ahead has no last piece to stop.
    if (digest === undefined || declaredBytes === undefined) return false
    if (declaredBytes === 0) return digest.matches()
    this.digests.set(exchange, digest)
    return true
  }
}

/** One at once, the next after the longest that a signature can be good. */
function nonceRules({ maxAgeSeconds, leewaySeconds }: HttpSignatureSettings, { place }: PolicyParts) {
  const counter = `http-signature:${place.level}:${place.name}`
  return { counter, algorithm: 'token-bucket', limit: 1, windowSeconds: maxAgeSeconds + leewaySeconds, burst: 1, maxWaitMs: 0, mode: 'exact', failure: 'closed' } as const
}
