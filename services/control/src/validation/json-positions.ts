/**
 * Where the parts of a JSON text stand, found by scanning it: a syntax tree of a large configuration would cost fifty
 * times its size. Each list and map on the way is scanned once. Expects text that `JSON.parse` accepts.
 */
import type { Path } from './problem.ts'

interface Member {
  readonly key: number | undefined
  readonly value: number
}

export class JsonPositions {
  readonly #text: string
  readonly #members = new Map<number, Map<string, Member>>()

  constructor(text: string) {
    this.#text = text
  }

  /** The offset of the value at `path`, or of its key; of the nearest part around it when it is not there. */
  offsetOf(path: Path, onKey = false): number {
    let offset = this.#skipSpace(0)
    for (const [index, part] of path.entries()) {
      const member = this.#membersAt(offset).get(String(part))
      if (member === undefined) break
      const isKeyWanted = onKey && index === path.length - 1
      offset = (isKeyWanted ? member.key : undefined) ?? member.value
    }
    return offset
  }

  #membersAt(offset: number): Map<string, Member> {
    let members = this.#members.get(offset)
    if (members === undefined) this.#members.set(offset, (members = this.#scan(offset)))
    return members
  }

  #scan(start: number): Map<string, Member> {
    const members = new Map<string, Member>()
    const open = this.#text[start]
    if (open !== '{' && open !== '[') return members
    for (let at = this.#skipSpace(start + 1), count = 0; at < this.#text.length && !'}]'.includes(this.#text[at]!); count++) {
      const key = open === '{' ? at : undefined
      const keyEnd = key === undefined ? at : this.#endOfText(key)
      const value = key === undefined ? at : this.#skipSpace(this.#skipSpace(keyEnd) + 1)
      const name = key === undefined ? String(count) : (JSON.parse(this.#text.slice(key, keyEnd)) as string)
      members.set(name, { key, value })
      at = this.#skipSpace(this.#endOfValue(value))
      if (this.#text[at] === ',') at = this.#skipSpace(at + 1)
    }
    return members
  }

  #endOfValue(start: number): number {
    let depth = 0
    for (let at = start; at < this.#text.length; ) {
      const character = this.#text[at]!
      if (character === '"') at = this.#endOfText(at)
      else at++
      if (character === '{' || character === '[') depth++
      else if (character === '}' || character === ']') depth--
      else if (character !== '"' && depth === 0 && ',}] \n\r\t'.includes(this.#text[at] ?? ',')) return at
      if (depth === 0 && '"}]'.includes(character)) return at
    }
    return this.#text.length
  }

  /** After the closing quote of the text that begins at `start`. */
  #endOfText(start: number): number {
    for (let at = start + 1; at < this.#text.length; at++) {
      if (this.#text[at] === '\\') at++
      else if (this.#text[at] === '"') return at + 1
    }
    return this.#text.length
  }

  #skipSpace(start: number): number {
    let at = start
    while (at < this.#text.length && ' \n\r\t'.includes(this.#text[at]!)) at++
    return at
  }
}
