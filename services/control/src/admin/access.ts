/**
 * Who may use the admin API: `viewer` reads; `operator` changes the configuration and works circuits, limits and registrations;
 * `admin` also says who may call (consumers, credentials), handles private keys and takes backups. `edge` only fetches the
 * configuration.
 */
import { createHash, timingSafeEqual } from 'node:crypto'
import { SluiceError } from '@sluice/errors'

export type Role = 'viewer' | 'operator' | 'admin' | 'edge'

/** What a route asks for; `open` needs no token. */
export type Access = Role | 'open'

export interface Principal {
  /** As it stands in the audit log and as the author of revisions. */
  readonly name: string
  readonly role: Role
}

/** A token as it is kept: nobody can be told it from here. */
export interface KnownToken extends Principal {
  /** SHA-256. */
  readonly digest: Buffer
  /** From then on it is none; never when left out. */
  readonly expiresAtMs?: number | undefined
}

const allows: Readonly<Record<Role, ReadonlySet<Role>>> = {
  viewer: new Set(['viewer']),
  operator: new Set(['viewer', 'operator']),
  admin: new Set(['viewer', 'operator', 'admin']),
  edge: new Set(['edge']),
}

export interface TokensParts {
  readonly admin: string
  readonly edge?: string | undefined
  /** Those that are given out besides; asked for each request [none]. */
  readonly others?: () => readonly KnownToken[]
  readonly now?: () => number
}

export class Tokens {
  readonly #own: readonly KnownToken[]
  readonly #others: () => readonly KnownToken[]
  readonly #now: () => number

  constructor({ admin, edge, others = () => [], now = Date.now }: TokensParts) {
    this.#own = [{ name: 'admin', role: 'admin', digest: digestOf(admin) }, ...(edge === undefined ? [] : [{ name: 'edge', role: 'edge' as const, digest: digestOf(edge) }])]
    this.#others = others
    this.#now = now
  }

  /**
   * Whose token stands in the Authorization field. Throws `admin.unauthenticated`. Digests are compared, each with each, so
   * that neither the time nor the length tells anything of a token.
   */
  identify(authorization: string | undefined): Principal {
    const token = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw new SluiceError('admin.unauthenticated', { detail: 'Send "Authorization: Bearer" with the admin token' })
    const digest = digestOf(token)
    const [found] = [...this.#own, ...this.#others()].filter((known) => timingSafeEqual(known.digest, digest))
    if (found === undefined || (found.expiresAtMs ?? Infinity) <= this.#now()) throw new SluiceError('admin.unauthenticated', { detail: found === undefined ? 'This token is not known here' : 'This token has expired' })
    return { name: found.name, role: found.role }
  }

  /** `identify` for who may do what `needed` may. Throws `admin.unauthenticated`, `admin.forbidden`. */
  authorise(authorization: string | undefined, needed: Role): Principal {
    const principal = this.identify(authorization)
    requireRole(principal, needed)
    return principal
  }
}

/** Throws `admin.forbidden`. */
export function requireRole({ name, role }: Principal, needed: Role): void {
  if (!allows[role].has(needed)) throw new SluiceError('admin.forbidden', { detail: `This needs the role "${needed}"; "${name}" has "${role}"` })
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
