/**
 * One text of configuration, YAML 1.2 or JSON, with the way back from a path in it to line and column. Aliases count
 * against `maxAliasCount`, so that a text of a few hundred bytes cannot stand for gigabytes.
 */
import { isAlias, isCollection, isMap, isPair, isScalar, isSeq, parseDocument, type Document, type Node, type Pair } from 'yaml'
import { JsonPositions } from './json-positions.ts'
import { LineIndex } from './line-index.ts'
import type { Path, Position } from './problem.ts'

export interface ConfigText {
  readonly value: unknown
  /** What kept the text from being read; `value` is undefined then. */
  readonly problems: readonly { readonly message: string; readonly position: Position }[]
  /** Where the value at `path` stands, or its key with `onKey`; what is not there is shown where it is missing. */
  locate(path: Path, onKey?: boolean): Position
}

const maxAliasCount = 1000
/** One broken bracket can make a fault of every line after it. */
const maxFaults = 20
/** The syntax tree of YAML takes a second and 250 MB a megabyte. JSON needs none; below this it is read as YAML, which sees keys that stand twice. */
const maxYamlBytes = 8 * 1024 * 1024
const jsonTreeBytes = 256 * 1024

/** Reads one text; `file` is its name in positions. Never throws. */
export function readConfigText(text: string, file: string): ConfigText {
  const json = text.length > jsonTreeBytes && /^\s*[{[]/.test(text) ? parseJson(text) : undefined
  if (json !== undefined) return largeJson(text, file, json)
  if (text.length <= maxYamlBytes) return new YamlSource(text, file).read()
  const position = { file, line: 1, column: 1 }
  return { value: undefined, problems: [{ message: 'YAML of more than 8 MB is not read; write it as JSON or in several files', position }], locate: () => position }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function largeJson(text: string, file: string, value: unknown): ConfigText {
  const positions = new JsonPositions(text)
  const lines = new LineIndex(text)
  return { value, problems: [], locate: (path, onKey) => ({ file, ...lines.at(positions.offsetOf(path, onKey)) }) }
}

class YamlSource {
  readonly #text: string
  readonly #file: string
  readonly #lines: LineIndex
  #tree: Document.Parsed | undefined

  constructor(text: string, file: string) {
    this.#text = text
    this.#file = file
    this.#lines = new LineIndex(text)
  }

  read(): ConfigText {
    const locate = (path: Path, onKey?: boolean) => this.locate(path, onKey)
    try {
      const tree = this.#parse()
      const faults = [...tree.errors, ...tree.warnings].slice(0, maxFaults)
      const problems = faults.map((fault) => ({ message: sentence(fault.message), position: this.#position(fault.pos[0]) }))
      return { value: problems.length > 0 ? undefined : tree.toJS({ maxAliasCount }), problems, locate }
    } catch (error) {
      return { value: undefined, problems: [{ message: reasonOf(error), position: this.#position(0) }], locate }
    } finally {
      // It is made again when a problem has to be shown; most texts have none, and there may be many.
      this.#tree = undefined
    }
  }

  locate(path: Path, onKey = false): Position {
    const tree = this.#parse()
    let node: unknown = tree.contents
    let offset = startOf(node) ?? 0
    for (const [index, part] of path.entries()) {
      const child = childAt(resolveAlias(node, tree), part)
      if (child === undefined) break
      const isLast = index === path.length - 1
      offset = (isLast && onKey ? startOf(child.key) : startOf(child.value)) ?? startOf(child.key) ?? offset
      node = child.value
    }
    return this.#position(offset)
  }

  #parse(): Document.Parsed {
    return (this.#tree ??= parseDocument(this.#text, { prettyErrors: false, uniqueKeys: true, merge: true }))
  }

  #position(offset: number): Position {
    return { file: this.#file, ...this.#lines.at(offset) }
  }
}

function childAt(node: unknown, part: string | number): { key: unknown; value: unknown } | undefined {
  if (isSeq(node)) {
    const item = node.items[Number(part)] as Node | undefined
    return item === undefined ? undefined : { key: undefined, value: item }
  }
  if (!isMap(node)) return undefined
  const pair = node.items.find((candidate: Pair) => isScalar(candidate.key) && String(candidate.key.value) === String(part))
  return isPair(pair) ? { key: pair.key, value: pair.value } : undefined
}

function resolveAlias(node: unknown, tree: Document.Parsed): unknown {
  return isAlias(node) ? node.resolve(tree) : node
}

function startOf(node: unknown): number | undefined {
  if (isScalar(node) || isCollection(node) || isAlias(node)) return node.range?.[0]
  return undefined
}

function sentence(message: string): string {
  return message.replace(/\s+/g, ' ').replace(/[.:]? *$/, '')
}

function reasonOf(error: unknown): string {
  if (error instanceof RangeError) return 'the text is nested too deeply'
  if (error instanceof ReferenceError) return `more than ${maxAliasCount} values stand for others by aliases`
  return sentence(error instanceof Error ? error.message : String(error))
}
