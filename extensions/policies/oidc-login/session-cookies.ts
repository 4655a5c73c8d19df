/**
 * A session as cookies. Browsers take 4096 bytes for one with its name and attributes (RFC 6265bis §5.6), so a long
 * session stands in two; more than that would not leave a request room for its other fields.
 */
import { hash } from 'node:crypto'
import { RecentMap } from '@sluice/verifier'
import { type CredentialSource, hideCredential, readCredential } from '../credential-source.ts'
import type { RequestFacts } from '../exchange.ts'
import type { CookieSealing } from './cookie-sealing.ts'
import { readSession, type Session, writeSession } from './session.ts'

const partCharacters = 3200
const maxParts = 2
/** Of five kilobytes at most. */
const remembered = 2000

export class SessionCookies {
  readonly #names: readonly string[]
  readonly #sources: readonly CredentialSource[]
  readonly #attributes: string
  readonly #sealing: CookieSealing
  /** Sessions by digest: the same object for as long as the cookie is. */
  readonly #opened = new RecentMap<Session>(remembered)

  /** `isSecure`: over https, where no other host and no plain connection can set them (RFC 6265bis §4.1.3.2). */
  constructor(name: string, isSecure: boolean, sealing: CookieSealing) {
    const prefixed = isSecure ? `__Host-${name}` : name
    this.#names = Array.from({ length: maxParts }, (_, part) => (part === 0 ? prefixed : `${prefixed}.${part}`))
    this.#sources = this.#names.map((one) => ({ kind: 'cookie', name: one }))
    // Lax: a request that another site makes carries it only when it leads there, so that it changes nothing (RFC 9110 §9.2.1).
    this.#attributes = `; Path=/; HttpOnly; SameSite=Lax${isSecure ? '; Secure' : ''}`
    this.#sealing = sealing
  }

  /** The session that a request shows, whether or not it is over; undefined when it shows none of ours. */
  read(request: RequestFacts): Session | undefined {
    const first = readCredential(this.#sources[0]!, request)
    if (first === undefined) return undefined
    const parts = first.charCodeAt(0) - 0x30
    let sealed = first.slice(1)
    for (let part = 1; part < parts && part < maxParts; part++) sealed += readCredential(this.#sources[part]!, request) ?? ''
    const digest = hash('sha256', sealed, 'base64')
    const known = this.#opened.get(digest)
    if (known !== undefined) return known
    const text = this.#sealing.open(sealed)
    const session = text === undefined ? undefined : readSession(text)
    if (session !== undefined) this.#opened.set(digest, session)
    return session
  }

  /** `Set-Cookie` fields, flat; undefined when the session is too long. Without room for it, the ID token is left out. */
  write(session: Session, nowMs: number): string[] | undefined {
    const parts = this.#partsOf(session) ?? this.#partsOf({ ...session, idToken: '' })
    if (parts === undefined) return undefined
    const seconds = Math.max(0, Math.ceil((session.endsAtMs - nowMs) / 1000))
    return this.#names.flatMap((name, index) => {
      const part = parts[index]
      return ['Set-Cookie', part === undefined ? this.#removal(name) : `${name}=${part}; Max-Age=${seconds}${this.#attributes}`]
    })
  }

  remove(): string[] {
    return this.#names.flatMap((name) => ['Set-Cookie', this.#removal(name)])
  }

  /** The upstream has no use for them. */
  hide(request: RequestFacts): void {
    for (const source of this.#sources) hideCredential(source, request)
  }

  #partsOf(session: Session): string[] | undefined {
    const sealed = this.#sealing.seal(writeSession(session))
    const count = Math.ceil(sealed.length / partCharacters)
    if (count > maxParts) return undefined
    return Array.from({ length: count }, (_, part) => (part === 0 ? String(count) : '') + sealed.slice(part * partCharacters, (part + 1) * partCharacters))
  }

  #removal(name: string): string {
    return `${name}=; Max-Age=0${this.#attributes}`
  }
}
