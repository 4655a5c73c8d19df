import { createHash, timingSafeEqual } from 'node:crypto'
import { SluiceError } from '@sluice/errors'

/** Who may do what: `admin` everything but read secrets; `edge` only fetch the head document. */
export type Role = 'admin' | 'edge'

/** What a route asks for; `open` needs no token. */
export type Access = Role | 'open'

export class Tokens {
  readonly #digests: readonly { readonly role: Role; readonly digest: Buffer }[]

  constructor(tokens: { readonly admin: string; readonly edge?: string | undefined }) {
    const edge = tokens.edge === undefined ? [] : [{ role: 'edge' as const, digest: digestOf(tokens.edge) }]
    this.#digests = [{ role: 'admin', digest: digestOf(tokens.admin) }, ...edge]
  }

  /**
   * The role that the Authorization field gives. Throws `admin.unauthenticated`, `admin.forbidden`. Digests are
   * compared, each with each, so that neither the time nor the length tells anything of a token.
   */
  authorise(authorization: string | undefined, needed: Role): Role {
    const token = /^Bearer +([\x21-\x7e]{1,1024})$/i.exec(authorization ?? '')?.[1]
    if (token === undefined) throw new SluiceError('admin.unauthenticated', { detail: 'Send "Authorization: Bearer" with the admin token' })
    const digest = digestOf(token)
    const roles = this.#digests.filter((known) => timingSafeEqual(known.digest, digest)).map((known) => known.role)
    if (roles.length === 0) throw new SluiceError('admin.unauthenticated', { detail: 'This token is not known here' })
    if (!roles.includes(needed)) throw new SluiceError('admin.forbidden', { detail: `This needs the role "${needed}"` })
    return needed
  }
}

function digestOf(token: string): Buffer {
  return createHash('sha256').update(token).digest()
}
