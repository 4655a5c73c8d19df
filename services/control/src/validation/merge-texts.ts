/**
 * Several texts as one configuration: lists of the same key are strung together, maps are merged, and a name that
 * stands in two files is a problem, since nobody could say which one counts.
 */
import type { ConfigText } from './config-text.ts'
import type { FileProblem, Path, Position } from './problem.ts'

export interface MergedConfig {
  readonly value: unknown
  readonly problems: readonly FileProblem[]
  locate(path: Path, onKey?: boolean): Position
}

/** Where a part of the merged value came from: `path` in it is `inText` in that text. */
interface Origin {
  readonly text: ConfigText
  readonly inText: Path
}

/** Takes texts without problems together. One text stays what it is. */
export function mergeTexts(texts: readonly ConfigText[]): MergedConfig {
  const [only] = texts
  if (texts.length === 1 && only !== undefined) return { value: only.value, problems: [], locate: (path, onKey) => only.locate(path, onKey) }
  return new Merging(texts).result()
}

class Merging {
  readonly #texts: readonly ConfigText[]
  readonly #value: Record<string, unknown> = {}
  readonly #origins = new Map<string, Origin>()
  readonly #problems: FileProblem[] = []

  constructor(texts: readonly ConfigText[]) {
    this.#texts = texts
  }

  result(): MergedConfig {
    for (const text of this.#texts) this.#addText(text)
    return { value: this.#value, problems: this.#problems, locate: (path, onKey) => this.#locate(path, onKey) }
  }

  #addText(text: ConfigText): void {
    if (text.value === null || text.value === undefined) return
    if (!isMap(text.value)) return this.#problem(text, [], 'the file is no map of settings')
    for (const [key, value] of Object.entries(text.value)) this.#addKey(text, key, value)
  }

  #addKey(text: ConfigText, key: string, value: unknown): void {
    if (!Object.hasOwn(this.#value, key)) {
      define(this.#value, key, Array.isArray(value) ? [] : isMap(value) ? {} : value)
      this.#origins.set(keyOf([key]), { text, inText: [key] })
    }
    const known = this.#value[key]
    if (Array.isArray(known) && Array.isArray(value)) this.#addItems(text, key, known, value)
    else if (isMap(known) && isMap(value)) this.#addEntries(text, key, known, value)
    else if (known !== value) this.#problem(text, [key], `"${key}" stands in two files with different values`)
  }

  #addItems(text: ConfigText, key: string, known: unknown[], items: readonly unknown[]): void {
    for (const [index, item] of items.entries()) {
      this.#origins.set(keyOf([key, known.length]), { text, inText: [key, index] })
      known.push(item)
    }
  }

  #addEntries(text: ConfigText, key: string, known: Record<string, unknown>, entries: Record<string, unknown>): void {
    for (const [name, value] of Object.entries(entries)) {
      const first = this.#origins.get(keyOf([key, name]))
      if (first !== undefined) {
        const { file, line } = first.text.locate(first.inText, true)
        this.#problem(text, [key, name], `"${name}" of "${key}" stands in ${file}:${line} already`)
        continue
      }
      define(known, name, value)
      this.#origins.set(keyOf([key, name]), { text, inText: [key, name] })
    }
  }

  #problem(text: ConfigText, path: Path, message: string): void {
    this.#problems.push({ message, position: text.locate(path, true) })
  }

  /** The first two parts of a path say which file it is in. */
  #locate(path: Path, onKey?: boolean): Position {
    for (const length of [2, 1]) {
      const origin = path.length >= length ? this.#origins.get(keyOf(path.slice(0, length))) : undefined
      if (origin !== undefined) return origin.text.locate([...origin.inText, ...path.slice(length)], onKey)
    }
    return this.#texts[0]!.locate([])
  }
}

function keyOf(path: Path): string {
  return JSON.stringify(path)
}

/** Sets even `__proto__` as a plain property. */
function define(target: Record<string, unknown>, key: string, value: unknown): void {
  Object.defineProperty(target, key, { value, writable: true, enumerable: true, configurable: true })
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
