/**
 * Counts from the one not used for longest to the one used last, doubly linked. Not the insertion order of a `Map`:
 * moving a key to its end means deleting and adding it, and whoever keeps an iterator on such a map keeps every table
 * it has outgrown.
 */
import type { Count } from './count.ts'

export class RecencyList {
  #oldest: Count | undefined
  #newest: Count | undefined
  #looked: Count | undefined

  get oldest(): Count | undefined {
    return this.#oldest
  }

  /** A count that is in no list becomes the one used last. */
  add(count: Count): void {
    count.older = this.#newest
    count.newer = undefined
    if (this.#newest === undefined) this.#oldest = count
    else this.#newest.newer = count
    this.#newest = count
  }

  /** Makes it the one used last. */
  touch(count: Count): void {
    if (count === this.#newest) return
    this.remove(count)
    this.add(count)
  }

  remove(count: Count): void {
    const { older, newer } = count
    if (count === this.#looked) this.#looked = newer
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }

  /** The next count of a walk over all of them that begins again at its end. */
  look(): Count | undefined {
    const count = this.#looked ?? this.#oldest
    this.#looked = count?.newer
    return count
  }

  clear(): void {
    this.#oldest = this.#newest = this.#looked = undefined
  }
}
