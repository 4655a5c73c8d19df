/** User names with their passwords. */
import { call } from '@sluice/buses/rpc'
import type { Verdict } from '@sluice/policies/policy'
import { PasswordReplySchema, PasswordRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import type { AskingParts } from './api-keys.ts'
import { CheckedSecrets } from './checked-secrets.ts'
import type { Limits } from './remembered-answers.ts'

const types = { request: PasswordRequestSchema, reply: PasswordReplySchema }

export class Passwords {
  readonly #secrets: CheckedSecrets

  constructor(parts: AskingParts) {
    const { bus, scope, timeoutMs } = parts
    this.#secrets = new CheckedSecrets({
      ...parts,
      method: 'basic-auth',
      ask: async ({ id, secret }) => ({ ...(await call(bus, subjects.authPassword(scope), types, { scope, username: id, password: secret }, { timeoutMs })), expiresAtMs: 0 }),
    })
  }

  /** At once for a pair that is remembered. The name holds no colon. */
  check(username: string, password: string, limits: Limits, address: string | undefined): Verdict | Promise<Verdict> {
    return this.#secrets.check(`${username}:${password}`, { id: username, secret: password }, limits, address)
  }
}
