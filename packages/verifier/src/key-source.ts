import type { KeySet } from './key-set.ts'

/** Where a checker gets its keys. A set is immutable: another set is another object. */
export interface KeySource {
  /** The set to use now; undefined while there is none. */
  current(): KeySet | undefined
  /** Gets the first set; rejects with `dependency.key_set_unavailable` when there is none to be had. */
  load(): Promise<KeySet>
  /**
   * A token names a key that the set does not have: asks for a newer set, as seldom as the source thinks right.
   * Undefined when it does not ask now.
   */
  refresh(kid: string): Promise<KeySet> | undefined
}

/** Keys that stay as they are. */
export function fixedKeys(set: KeySet): KeySource {
  return { current: () => set, load: () => Promise.resolve(set), refresh: () => undefined }
}
