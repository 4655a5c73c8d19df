/**
 * Tokens that are refused before they expire: one by its `jti`, or all that a subject was issued before an instant. Every
 * edge has them all, so there is a bound to how many stand at once.
 */
import type { CredentialStore, Revocation } from '@sluice/credential-stores/credential-store'
import { SluiceError } from '@sluice/errors'
import { nameOfSubject, nameOfToken, type RevokedToken } from '@sluice/proto/token-names'
import { sessionOfSubject } from '../logins/session-names.ts'
import type { ChangeAnnouncer } from './change-announcer.ts'

export interface TokenRevocationsParts {
  readonly store: Pick<CredentialStore, 'version' | 'revoke' | 'revocations' | 'tokenRevocations'>
  readonly scope: string
  readonly clock: { now(): number }
  readonly announcer: Pick<ChangeAnnouncer, 'announceUpTo'>
  /** How many may stand at once [10,000]. */
  readonly maxKept?: number
}

export interface TokenRevoke extends RevokedToken {
  /** Of a subject: milliseconds since the Unix epoch, as `untilMs`. */
  readonly issuedBeforeMs: number
  readonly untilMs: number
}

export interface TokenRevocationsPage {
  readonly revocations: readonly Revocation[]
  /** Empty: nothing follows. */
  readonly nextName: string
  readonly version: number
}

const maxIssuerCharacters = 1024
const maxNameCharacters = 512
const longestMs = 400 * 86_400_000
/** Others add to them too: looked at anew after so many of our own. */
const countEvery = 100
/** Until every edge that hears has heard that one was lifted. */
const liftedForMs = 60_000
const largestPage = 500
/** A message on the bus takes 1 MiB. */
const maxPageCharacters = 200_000

export class TokenRevocations {
  readonly #parts: TokenRevocationsParts
  #room = 0

  constructor(parts: TokenRevocationsParts) {
    this.#parts = parts
  }

  /** Every edge is told before it resolves. Throws `config.invalid`, also when too many stand, and `dependency.store_unreachable`. */
  async revoke(wanted: TokenRevoke): Promise<number> {
    const { store, scope, clock, announcer } = this.#parts
    const name = nameOf(wanted)
    checkInstants(wanted, clock.now())
    if (this.#room <= 0) this.#room = await this.#count()
    const version = await store.revoke(scope, revocationsOf(name, wanted))
    this.#room--
    await announcer.announceUpTo(version)
    return version
  }

  /** Good again; undefined when it was not revoked. Sessions that went with a subject stay over. Throws the same. */
  async lift(wanted: RevokedToken): Promise<number | undefined> {
    const { store, scope, clock, announcer } = this.#parts
    const name = nameOf(wanted)
    const now = clock.now()
    const [known] = await store.revocations(scope, [name])
    if (known === undefined || !stands(known, now)) return undefined
    const version = await store.revoke(scope, [{ name, beforeMs: 0, untilMs: now + liftedForMs, replaces: true }])
    await announcer.announceUpTo(version)
    return version
  }

  /** Those that stand, by name; a page may be shorter than asked. */
  async list(afterName: string, limit: number): Promise<TokenRevocationsPage> {
    const { store, scope, clock } = this.#parts
    // The version first: the answer is at least as new as the version it carries.
    const version = await store.version(scope)
    const wanted = Math.min(limit || largestPage, largestPage)
    const found = await store.tokenRevocations(scope, { limit: wanted + 1, ...(afterName !== '' && { after: afterName }) })
    const page = found.slice(0, Math.min(wanted, fitting(found)))
    const now = clock.now()
    return { revocations: page.filter((one) => stands(one, now)), nextName: found.length > page.length ? page.at(-1)!.name : '', version }
  }

  /** How many may be added before they are to be counted again. */
  async #count(): Promise<number> {
    const { store, scope, clock, maxKept = 10_000 } = this.#parts
    const found = await store.tokenRevocations(scope, { limit: maxKept * 2 })
    const now = clock.now()
    const room = maxKept - found.filter((one) => stands(one, now)).length
    if (room > 0) return Math.min(room, countEvery)
    throw new SluiceError('config.invalid', { detail: `${maxKept} revocations of tokens stand, which is as many as there can be; a subject's tokens can be revoked by one, and its issuer's keys be replaced` })
  }
}

function nameOf({ issuer, jti = '', subject = '' }: RevokedToken): string {
  const isOne = (jti === '') !== (subject === '')
  if (isOne && issuer.length <= maxIssuerCharacters && jti.length + subject.length <= maxNameCharacters) return jti === '' ? nameOfSubject(issuer, subject) : nameOfToken(issuer, jti)
  throw new SluiceError('config.invalid', { detail: `expected either a "jti" or a "subject" of at most ${maxNameCharacters} characters, and an issuer of at most ${maxIssuerCharacters}` })
}

function checkInstants({ issuedBeforeMs, untilMs }: TokenRevoke, now: number): void {
  const areInstants = Number.isSafeInteger(issuedBeforeMs) && issuedBeforeMs >= 0 && Number.isSafeInteger(untilMs)
  if (areInstants && issuedBeforeMs <= untilMs && untilMs > now && untilMs <= now + longestMs) return
  throw new SluiceError('config.invalid', { detail: 'expected "expiresAt" to come, in 400 days at most, and "issuedBefore" not after it' })
}

/** `beforeMs` is the last instant that counts. A browser's session that began before is over as its tokens are. */
function revocationsOf(name: string, { issuer, subject = '', issuedBeforeMs, untilMs }: TokenRevoke): Revocation[] {
  if (subject === '') return [{ name, beforeMs: untilMs, untilMs }]
  const beforeMs = issuedBeforeMs - 1
  return [{ name, beforeMs, untilMs }, { name: sessionOfSubject(issuer, subject), beforeMs, untilMs }]
}

function stands({ beforeMs, untilMs }: Revocation, now: number): boolean {
  return beforeMs > 0 && untilMs > now
}

/** How many of them a message may hold; one at least. */
function fitting(found: readonly Revocation[]): number {
  let characters = 0
  const over = found.findIndex(({ name }) => (characters += name.length) > maxPageCharacters)
  return over === -1 ? found.length : Math.max(1, over)
}
