import type { X509Certificate } from 'node:crypto'
import type { ClientCertificate, Exchange } from '../exchange.ts'
import { type HookResult, type NameChecks, type Policy, type PolicyParts, type Refusal, refuse, refuseUnchecked, type Verdict } from '../policy.ts'
import { nameIn } from './certificate-name.ts'
import { checkPath, readAuthorities, type PathRules } from './certificate-path.ts'
import { readRevocationLists } from './revocation-list.ts'
import type { MtlsAuthSettings } from './schema.ts'

export function compile(settings: MtlsAuthSettings, parts: PolicyParts): Policy {
  return new MtlsAuth(settings, parts)
}

/** What was found out about a certificate, and when that holds. */
interface Checked {
  readonly facts: Readonly<Record<string, unknown>> | undefined
  readonly refusal: Refusal | undefined
  readonly fromMs: number
  readonly untilMs: number
}

/** The certificate that a client has shown in its handshake. A connection's is checked once, and its dates with each request. */
class MtlsAuth implements Policy {
  private readonly clock: PolicyParts['clock']
  private readonly rules: PathRules
  private readonly consumerFrom: MtlsAuthSettings['consumerFrom']
  private readonly names: NameChecks
  private readonly listsEndMs: number
  private readonly checked = new WeakMap<ClientCertificate, Checked>()
  private readonly none: Refusal = { ...refuse('policy.unauthenticated', 'A client certificate is needed'), withoutCredential: true }
  private readonly bad: Refusal = refuse('policy.unauthenticated', 'The client certificate is not accepted')
  private readonly stale: Refusal = refuse('dependency.revocation_list_stale')

  constructor({ caFile, crlFile, consumerFrom }: MtlsAuthSettings, parts: PolicyParts) {
    const lists = crlFile === undefined ? undefined : readOr(() => readRevocationLists(crlFile), 'crlFile')
    this.rules = { authorities: readOr(() => readAuthorities(caFile), 'caFile'), revocationLists: lists }
    this.listsEndMs = Math.min(Infinity, ...(lists ?? []).map(({ nextUpdateMs }) => nextUpdateMs))
    this.consumerFrom = consumerFrom
    this.clock = parts.clock
    this.names = parts.identity.names('mtls-auth')
  }

  onRequest(exchange: Exchange): HookResult | Promise<HookResult> {
    const certificate = exchange.clientCertificate
    if (certificate === undefined) return this.none
    const { facts, refusal, fromMs, untilMs } = this.checkedOf(certificate)
    const now = this.clock.now()
    if (facts === undefined || now < fromMs || now >= untilMs) return refusal ?? this.bad
    if (now >= this.listsEndMs) return this.stale
    const verdict = this.names.identify(facts)
    return verdict instanceof Promise ? verdict.then((late) => this.decide(late, exchange)) : this.decide(verdict, exchange)
  }

  private decide(verdict: Verdict, exchange: Exchange): HookResult {
    if (verdict.outcome === 'invalid') return this.bad
    if (verdict.outcome !== 'valid') return refuseUnchecked(verdict)
    exchange.identity = verdict.identity
    return undefined
  }

  private checkedOf(certificate: ClientCertificate): Checked {
    const known = this.checked.get(certificate)
    if (known !== undefined) return known
    const made = this.check(certificate)
    this.checked.set(certificate, made)
    return made
  }

  /** TLS has looked at extensions, purposes and constraints; here it is whose authority stands at the end. */
  private check({ chain, problem }: ClientCertificate): Checked {
    const path = problem === undefined ? checkPath(chain, this.rules) : { kind: 'untrusted' as const }
    const name = nameIn(chain[0]!, this.consumerFrom)
    if (path.kind === 'unlisted') return { ...never, refusal: this.stale }
    if (path.kind !== 'good' || name === undefined) return { ...never, refusal: this.bad }
    return { facts: factsOf(chain[0]!, name), refusal: undefined, fromMs: path.fromMs, untilMs: path.untilMs }
  }
}

const never = { facts: undefined, fromMs: Infinity, untilMs: Infinity } as const

/** For `acl` and limits, as a token's claims are. */
function factsOf({ issuer, serialNumber, fingerprint256 }: X509Certificate, name: string): Readonly<Record<string, unknown>> {
  return { sub: name, issuer: issuer.replaceAll('\n', ', '), serialNumber, fingerprint: fingerprint256 }
}

function readOr<T>(read: () => T, setting: string): T {
  try {
    return read()
  } catch (error) {
    throw new Error(`${setting} cannot be used: ${(error as Error).message}`, { cause: error })
  }
}
