/**
 * Tokens found good lately, by their text: whoever uses a token uses it again at once, and finding a text that is held costs
 * a tenth of what its SHA-256 does. Few and short ones only: they are held as they are, as those of requests under way are.
 */

/** In each of two halves; the older one goes when the younger one is full. */
const halfCount = 256
/** Longer ones are found by their SHA-256 alone. */
const maxCharacters = 2048

interface Seen<K> {
  readonly text: string
  /** What each owner knows of it: mostly one. */
  readonly known: Map<object, K>
}

export class SeenTokens<K> {
  #young = new Map<string, Seen<K>>()
  #old = new Map<string, Seen<K>>()

  /** What `owner` has kept of this token. */
  get(token: string, owner: object): K | undefined {
    if (token.length > maxCharacters) return undefined
    const young = this.#young.get(token)
    if (young !== undefined) return young.known.get(owner)
    const old = this.#old.get(token)
    if (old === undefined) return undefined
    this.#add(old)
    return old.known.get(owner)
  }

  /** The text has been verified, so it is ASCII. */
  set(token: string, owner: object, known: K): void {
    if (token.length > maxCharacters) return
    const seen = this.#find(token)
    if (seen !== undefined) return void seen.known.set(owner, known)
    // In memory of its own: a piece of the request's head would keep all of that.
    this.#add({ text: Buffer.from(token, 'latin1').toString('latin1'), known: new Map([[owner, known]]) })
  }

  delete(token: string, owner: object): void {
    const seen = this.#find(token)
    if (seen?.known.delete(owner) !== true || seen.known.size > 0) return
    this.#young.delete(token)
    this.#old.delete(token)
  }

  #find(token: string): Seen<K> | undefined {
    return this.#young.get(token) ?? this.#old.get(token)
  }

  #add(seen: Seen<K>): void {
    if (this.#young.size >= halfCount) {
      this.#old = this.#young
      this.#young = new Map()
    }
    this.#young.set(seen.text, seen)
  }
}
