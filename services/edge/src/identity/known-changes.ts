/**
 * What was heard of changes to consumers and credentials, so that an answer can be asked whether it still holds.
 * An answer is overtaken by a change to what it is about that was heard after the question was put, or that is newer
 * than what auth had read: the first guards against an answer on its way while the change passed it, the second
 * against an auth that reads behind. A change heard twice counts twice; asking again costs less than being wrong.
 */
import { type CredentialChange, CredentialChangeKind } from '@sluice/proto/messages/auth'

export type ChangeFacts = Pick<CredentialChange, 'kind' | 'version' | 'consumer' | 'credentialId' | 'subjects'>

interface Touch {
  /** The number of the hearing. */
  readonly heard: number
  readonly version: number
}

/** Names of what an answer is about, as changes speak of them. */
export const aboutConsumer = (name: string): string => `c:${name}`
export const aboutCredential = (id: string): string => `k:${id}`
export const aboutSubject = (subject: string): string => `s:${subject}`

const maxTouched = 10_000

export class KnownChanges {
  readonly #touched = new Map<string, Touch>()
  #heard = 0
  #newest = 0
  /** Answers from before this hold no more, whatever they are about. */
  #floor: Touch = { heard: 0, version: 0 }

  /** Hearings so far: the mark to take before a question is put, and to compare before anything else is looked at. */
  get heard(): number {
    return this.#heard
  }

  hear(change: ChangeFacts): void {
    this.#heard++
    this.#newest = Math.max(this.#newest, change.version)
    if (change.kind !== CredentialChangeKind.CREDENTIAL) this.#touch(aboutConsumer(change.consumer), change.version)
    if (change.credentialId !== '') this.#touch(aboutCredential(change.credentialId), change.version)
    for (const subject of change.subjects) this.#touch(aboutSubject(subject), change.version)
    // Too many to tell apart: everything from before is to be asked anew.
    if (this.#touched.size > maxTouched) this.#raiseFloor(this.#newest)
  }

  /** Nothing known from before holds any more; auth is at `version` now. */
  forgetEverything(version: number): void {
    this.#heard++
    this.#newest = version
    this.#raiseFloor(version)
  }

  /** Whether an answer that was asked for at `mark`, and read by auth at `version`, still holds for `names`. */
  holds(mark: number, version: number, names: readonly string[]): boolean {
    if (mark < this.#floor.heard || version < this.#floor.version) return false
    return names.every((name) => {
      const touch = this.#touched.get(name)
      return touch === undefined || (touch.heard <= mark && touch.version <= version)
    })
  }

  #touch(name: string, version: number): void {
    const before = this.#touched.get(name)
    this.#touched.set(name, { heard: this.#heard, version: Math.max(version, before?.version ?? 0) })
  }

  #raiseFloor(version: number): void {
    this.#touched.clear()
    this.#floor = { heard: this.#heard, version }
  }
}
