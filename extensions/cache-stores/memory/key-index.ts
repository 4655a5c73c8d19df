/** Which keys go by a name. */
export class KeyIndex {
  readonly #keys = new Map<string, Set<string>>()

  add(name: string, key: string): void {
    const keys = this.#keys.get(name)
    if (keys === undefined) this.#keys.set(name, new Set([key]))
    else keys.add(key)
  }

  remove(name: string, key: string): void {
    const keys = this.#keys.get(name)
    if (keys?.delete(key) === true && keys.size === 0) this.#keys.delete(name)
  }

  /** A copy: they may be removed while it is gone through. */
  keysOf(name: string): string[] {
    return [...(this.#keys.get(name) ?? [])]
  }

  names(): string[] {
    return [...this.#keys.keys()]
  }

  clear(): void {
    this.#keys.clear()
  }
}
