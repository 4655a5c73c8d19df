/** API keys `sk_<id>_<secret>`. */
import type { Bus } from '@sluice/buses/bus'
import { call } from '@sluice/buses/rpc'
import type { Verdict } from '@sluice/policies/policy'
import { ApiKeyReplySchema, ApiKeyRequestSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { CheckedSecrets, type CheckedSecretsParts } from './checked-secrets.ts'
import type { Limits } from './remembered-answers.ts'

export interface AskingParts extends Pick<CheckedSecretsParts, 'attempts' | 'changes' | 'clock'> {
  readonly bus: Bus
  readonly scope: string
  readonly timeoutMs: number
}

const keyPattern = /^sk_([a-z0-9]{1,64})_([\x21-\x7e]{1,256})$/
const types = { request: ApiKeyRequestSchema, reply: ApiKeyReplySchema }
const malformed: Verdict = { outcome: 'invalid', reason: 'key_malformed' }

export class ApiKeys {
  readonly #secrets: CheckedSecrets

  constructor(parts: AskingParts) {
    const { bus, scope, timeoutMs } = parts
    this.#secrets = new CheckedSecrets({ ...parts, method: 'key-auth', isUnguessable: true, ask: ({ id, secret }) => call(bus, subjects.authKey(scope), types, { scope, id, secret }, { timeoutMs }) })
  }

  /** At once for a key that is remembered. */
  check(key: string, limits: Limits, address: string | undefined): Verdict | Promise<Verdict> {
    const [, id, secret] = keyPattern.exec(key) ?? []
    return id === undefined || secret === undefined ? malformed : this.#secrets.check(key, { id, secret }, limits, address)
  }
}
