/**
 * Purges by number, so that it can be told of a response whether one of them came after it was asked for. Of too many the oldest are forgotten, and
 * what is older than those counts as purged.
 */
import type { Purge, Purgeable } from './cache-store.ts'

/** What purges have named, and how many characters that may be. */
const maxNamed = 10_000
const maxLetters = 4_000_000

export class PurgeLog {
  /** The number of the newest purge that named it, the oldest first: `u:` a URL, `t:` a tag, `p:` a beginning. */
  readonly #named = new Map<string, number>()
  readonly #prefixes = new Map<string, number>()
  readonly #maxNamed: number
  /** What was asked for before this purge is purged, whatever it is. */
  #floor = 0
  #newest = 0
  #letters = 0

  constructor(max: number = maxNamed) {
    this.#maxNamed = max
  }

  /** The number of the newest purge. */
  get newest(): number {
    return this.#newest
  }

  add(number: number, { urls, tags, prefixes, everything }: Purge): void {
    this.#newest = Math.max(this.#newest, number)
    for (const url of urls) this.#name(`u:${url}`, number)
    for (const tag of tags) this.#name(`t:${tag}`, number)
    for (const prefix of prefixes) {
      this.#prefixes.set(prefix, number)
      this.#name(`p:${prefix}`, number)
    }
    if (everything) this.raiseFloor(number)
  }

  /** Everything that was asked for before this purge counts as purged. */
  raiseFloor(number: number): void {
    this.#floor = Math.max(this.#floor, number)
    this.#newest = Math.max(this.#newest, number)
  }

  /** Whether a purge that came after `mark` concerns it. */
  covers({ url, tags }: Purgeable, mark: number): boolean {
    if (mark < this.#floor) return true
    if (mark >= this.#newest) return false
    if ((this.#named.get(`u:${url}`) ?? 0) > mark) return true
    if (tags.some((tag) => (this.#named.get(`t:${tag}`) ?? 0) > mark)) return true
    for (const [prefix, number] of this.#prefixes) if (number > mark && url.startsWith(prefix)) return true
    return false
  }

  #name(name: string, number: number): void {
    if (!this.#named.delete(name)) this.#letters += name.length
    this.#named.set(name, number)
    while (this.#named.size > this.#maxNamed || this.#letters > maxLetters) this.#forgetOldest()
  }

  #forgetOldest(): void {
    const [name, number] = this.#named.entries().next().value!
    this.#named.delete(name)
    this.#letters -= name.length
    if (name.startsWith('p:')) this.#prefixes.delete(name.slice(2))
    this.raiseFloor(number)
  }
}
