import type { IdentityPart } from './policy.ts'

/** Whether what is remembered of credentials is too old to go by: something may have been revoked unheard. */
export class Blindness {
  private readonly identity: IdentityPart | undefined

  constructor(whenBlind: 'continue' | 'refuse', identity: IdentityPart) {
    this.identity = whenBlind === 'refuse' ? identity : undefined
  }

  refuses(): boolean {
    return this.identity !== undefined && this.identity.isBlind()
  }
}
