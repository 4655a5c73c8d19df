import { isNamed } from './field-syntax.ts'

/**
 * Header fields in the order they came, as one flat array `[name, value, name, value, …]`: the form `node:http`
 * gives and undici takes, so that an exchange copies nothing. Names keep their spelling; look-ups ignore case.
 * A look-up is a linear scan that compares lengths first: for the dozen fields of an ordinary request that is
 * cheaper than building a map.
 */
export class HeaderFields {
  readonly flat: string[]

  constructor(flat: string[] = []) {
    this.flat = flat
  }

  /** The first value of the field, `undefined` when absent. `name` is in lower case. */
  get(name: string): string | undefined {
    const at = this.indexOf(name, 0)
    return at < 0 ? undefined : this.flat[at + 1]
  }

  /** All values of the field, in order. `name` is in lower case. */
  getAll(name: string): string[] {
    const values: string[] = []
    for (let at = this.indexOf(name, 0); at >= 0; at = this.indexOf(name, at + 2)) values.push(this.flat[at + 1]!)
    return values
  }

  has(name: string): boolean {
    return this.indexOf(name, 0) >= 0
  }

  get count(): number {
    return this.flat.length >> 1
  }

  /** Replaces every field of that name by one. */
  set(name: string, value: string): void {
    const { flat } = this
    const { length } = name
    const first = name.charCodeAt(0) | 0x20
    for (let at = 0; at < flat.length; at += 2) {
      if (flat[at]!.length !== length || (flat[at]!.charCodeAt(0) | 0x20) !== first) continue
      const lower = name.toLowerCase()
      if (!isNamed(flat[at]!, lower)) continue
      flat[at + 1] = value
      this.removeFrom(lower, at + 2)
      return
    }
    flat.push(name, value)
  }

  /** Adds a field beside those of the same name. */
  add(name: string, value: string): void {
    this.flat.push(name, value)
  }

  /** Removes every field of that name (lower case); returns whether there was one. */
  remove(name: string): boolean {
    return this.removeFrom(name, 0)
  }

  indexOf(name: string, from: number): number {
    const { flat } = this
    const { length } = name
    const first = name.charCodeAt(0) | 0x20
    for (let at = from; at < flat.length; at += 2) {
      const candidate = flat[at]!
      // One bit tells capitals from small letters; the first letter spares most comparisons.
      if (candidate.length === length && (candidate.charCodeAt(0) | 0x20) === first && isNamed(candidate, name)) return at
    }
    return -1
  }

  private removeFrom(name: string, from: number): boolean {
    let removed = false
    for (let at = this.indexOf(name, from); at >= 0; at = this.indexOf(name, at)) {
      this.flat.splice(at, 2)
      removed = true
    }
    return removed
  }
}
