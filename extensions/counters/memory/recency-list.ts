/**
 * Buckets from the one not used for longest to the one used last, doubly linked. Not the insertion order of a `Map`:
 * moving a key to its end means deleting and adding it, and whoever keeps an iterator on such a map keeps every table
 * it has outgrown.
 */
export interface Bucket {
  readonly key: string
  fullAt: number
  older: Bucket | undefined
  newer: Bucket | undefined
}

export class RecencyList {
  #oldest: Bucket | undefined
  #newest: Bucket | undefined
  #looked: Bucket | undefined

  get oldest(): Bucket | undefined {
    return this.#oldest
  }

  add(key: string, fullAt: number): Bucket {
    const bucket: Bucket = { key, fullAt, older: undefined, newer: undefined }
    this.#append(bucket)
    return bucket
  }

  /** Makes it the one used last. */
  touch(bucket: Bucket): void {
    if (bucket === this.#newest) return
    this.remove(bucket)
    this.#append(bucket)
  }

  remove(bucket: Bucket): void {
    const { older, newer } = bucket
    if (bucket === this.#looked) this.#looked = newer
    if (older === undefined) this.#oldest = newer
    else older.newer = newer
    if (newer === undefined) this.#newest = older
    else newer.older = older
  }

  /** The next bucket of a walk over all of them that begins again at its end. */
  look(): Bucket | undefined {
    const bucket = this.#looked ?? this.#oldest
    this.#looked = bucket?.newer
    return bucket
  }

  clear(): void {
    this.#oldest = this.#newest = this.#looked = undefined
  }

  #append(bucket: Bucket): void {
    bucket.older = this.#newest
    bucket.newer = undefined
    if (this.#newest === undefined) this.#oldest = bucket
    else this.#newest.newer = bucket
    this.#newest = bucket
  }
}
