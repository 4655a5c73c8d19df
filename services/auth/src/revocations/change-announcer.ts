/**
 * Tells the edges of every change that stands in the store's log, in order: those written here at once, those that
 * another instance wrote and did not live to announce within a second or two. What another instance has announced is
 * not said again. Where the log cannot say what changed, a new publisher makes every edge ask for itself.
 */
import { create, fromBinary, type MessageInitShape, toBinary } from '@bufbuild/protobuf'
import type { Bus } from '@sluice/buses/bus'
import { createSequencedPublisher, type SequencedPublisher, type SequencedSubscription, subscribeSequenced } from '@sluice/buses/sequenced'
import type { CredentialChangeRecord, CredentialStore, Revocation } from '@sluice/credential-stores/credential-store'
import { CredentialChangeKind, CredentialChangeSchema } from '@sluice/proto/messages/auth'
import { subjects } from '@sluice/proto/subjects'
import { tokenNamePrefix } from '@sluice/proto/token-names'

export interface ChangeAnnouncerParts {
  readonly bus: Bus
  readonly scope: string
  readonly store: Pick<CredentialStore, 'version' | 'changes' | 'revocations'>
  readonly onAnnounced?: () => void
  readonly onMalformed?: (subject: string, error: unknown) => void
  /** Between two looks at the log [1000]. */
  readonly tailMs?: number
}

export class ChangeAnnouncer {
  readonly #parts: ChangeAnnouncerParts
  readonly #subject: string
  /** The version up to which everything was said; undefined until the log was looked at. */
  #announced: number | undefined
  #publisher: SequencedPublisher | undefined
  #heard: SequencedSubscription | undefined
  #timer: NodeJS.Timeout | undefined
  #reading: Promise<void> | undefined
  #stopped = false

  constructor(parts: ChangeAnnouncerParts) {
    this.#parts = parts
    this.#subject = subjects.authChanged(parts.scope)
  }

  /** Begins; a store that is away is no failure, it is looked at again each second. */
  async start(): Promise<void> {
    const { bus, onMalformed, tailMs = 1000 } = this.#parts
    const handlers = { onMessage: (body: Uint8Array) => this.#hear(body), onGap: () => {}, ...(onMalformed && { onMalformed, onError: onMalformed }) }
    this.#heard = subscribeSequenced(bus, this.#subject, handlers)
    await this.#look()
    this.#timer = setInterval(() => void this.#look(), tailMs).unref()
  }

  stop(): void {
    this.#stopped = true
    clearInterval(this.#timer)
    this.#heard?.unsubscribe()
    this.#publisher?.stop()
  }

  /** Resolves once `version` and all before it are announced, or the store could not be read: then the next look does it. */
  async announceUpTo(version: number): Promise<void> {
    await this.#reading // it may have begun before the write
    if ((this.#announced ?? -1) < version) await this.#look()
  }

  #look(): Promise<void> {
    this.#reading ??= this.#read()
      .catch(() => {}) // the next look tries again; readiness tells that the store is away
      .finally(() => {
        this.#reading = undefined
      })
    return this.#reading
  }

  async #read(): Promise<void> {
    const { store, scope } = this.#parts
    const head = await store.version(scope)
    if (this.#stopped || head === this.#announced) return
    // The first look, or a store that was put back: edges ask for themselves when they meet a new publisher.
    if (this.#announced === undefined || head < this.#announced) return this.#beginAnew(head)
    const changes = await store.changes(scope, this.#announced)
    if (changes === undefined) return this.#stopped ? undefined : this.#beginAnew(head)
    const told = await changeMessages(store, scope, changes)
    if (this.#stopped) return
    for (const change of told) this.#announce(change)
  }

  #beginAnew(head: number): void {
    this.#publisher?.stop()
    this.#announced = head
    this.#publisher = createSequencedPublisher(this.#parts.bus, this.#subject)
  }

  #announce(change: ChangeMessage): void {
    if (change.version <= this.#announced!) return // another instance said it while the log was being read
    this.#publisher!.publish(toBinary(CredentialChangeSchema, create(CredentialChangeSchema, change)))
    this.#announced = change.version
    this.#parts.onAnnounced?.()
  }

  /** Only what follows on what is known: anything else is left to the log. */
  #hear(body: Uint8Array): void {
    const { version } = fromBinary(CredentialChangeSchema, body)
    if (version === (this.#announced ?? NaN) + 1) this.#announced = version
  }
}

type ChangeMessage = MessageInitShape<typeof CredentialChangeSchema> & { readonly version: number }

/** Changes as edges are told them. Of a revoked token what stands now goes along: nobody has to ask for it. Throws `dependency.store_unreachable`. */
export async function changeMessages(store: Pick<CredentialStore, 'revocations'>, scope: string, changes: readonly CredentialChangeRecord[]): Promise<ChangeMessage[]> {
  const names = revokedTokensIn(changes)
  const standing = names.length === 0 ? [] : await store.revocations(scope, names)
  const byName = new Map(standing.map((one) => [one.name, one]))
  return changes.map((change) => changeMessage(scope, change, isOfToken(change) ? (byName.get(change.credentialId) ?? { name: change.credentialId, beforeMs: 0, untilMs: 0 }) : undefined))
}

/** Names of the revoked tokens that changes are about. */
export function revokedTokensIn(changes: readonly CredentialChangeRecord[]): string[] {
  return [...new Set(changes.filter(isOfToken).map(({ credentialId }) => credentialId))]
}

/** A credential of a consumer may be called anything. */
function isOfToken({ consumer, credentialId }: CredentialChangeRecord): boolean {
  return consumer === '' && credentialId.startsWith(tokenNamePrefix)
}

function changeMessage(scope: string, { version, kind, consumer, credentialId, subjects: named }: CredentialChangeRecord, token: Revocation | undefined): ChangeMessage {
  const kindNumber = kind === 'consumer' ? CredentialChangeKind.CONSUMER : CredentialChangeKind.CREDENTIAL
  const revoked = token && { name: token.name, beforeMs: token.beforeMs, untilMs: token.untilMs }
  return { scope, version, kind: kindNumber, consumer, credentialId, subjects: [...named], ...(revoked && { token: revoked }) }
}
