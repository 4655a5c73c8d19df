/** Where a problem is, from the document's root: keys and indexes. */
export type Path = readonly (string | number)[]

export type ProblemCode = 'config.invalid' | 'config.not_built' | 'config.reference_missing' | 'config.guardrail'

export interface Problem {
  readonly path: Path
  /** What is wrong. */
  readonly message: string
  readonly expected?: string | undefined
  /** The valid name that is written most alike. */
  readonly nearest?: string | undefined
  readonly code: ProblemCode
  /** The key itself is wrong, not its value: a position shows the key. */
  readonly onKey?: true
}

export interface Warning {
  readonly path: Path
  readonly message: string
  /** Names of the routes that it is about, when it is about how they stand to each other. */
  readonly between?: readonly string[]
}

export interface Position {
  readonly file: string
  readonly line: number
  readonly column: number
}

/** What kept a file from being read; there is no path yet. */
export interface FileProblem {
  readonly message: string
  readonly expected?: string
  readonly position: Position
}

/** More problems than anybody reads are counted only: each costs a search for the nearest name. */
const maxProblems = 1000

/** Collects problems; what a caller prepares for one that will not be kept is not asked for. */
export class ProblemList {
  readonly kept: Problem[] = []
  #leftOut = 0

  add(problem: Problem | (() => Problem)): void {
    if (this.kept.length >= maxProblems) this.#leftOut++
    else this.kept.push(typeof problem === 'function' ? problem() : problem)
  }

  /** All that is kept, and one last problem that says how many more there are. */
  all(): Problem[] {
    if (this.#leftOut === 0) return this.kept
    return [...this.kept, { path: [], message: `${this.#leftOut} more problems are not shown`, code: 'config.invalid' }]
  }
}

/** The JSON Pointer (RFC 6901) of a path. */
export function pointerOf(path: Path): string {
  return path.map((part) => `/${String(part).replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

/** What is wrong, what was expected, the nearest valid name; without the place. */
export function sentenceOf(problem: Pick<Problem, 'message' | 'expected' | 'nearest'>): string {
  const expected = problem.expected === undefined ? '' : `; expected ${problem.expected}`
  const nearest = problem.nearest === undefined ? '' : `; did you mean "${problem.nearest}"?`
  return problem.message + expected + nearest
}

/** One line for a person: `file:line:column: what is wrong; what was expected; the nearest valid name`. */
export function formatProblem(problem: Pick<Problem, 'message' | 'expected' | 'nearest'>, position: Position): string {
  return `${position.file}:${position.line}:${position.column}: ${sentenceOf(problem)}`
}

/** How a place is called inside a sentence: `hosts[1]`, `routes[0]`, `timeouts`. */
export function labelOf(path: Path): string {
  const start = path.findLastIndex((part) => typeof part === 'string')
  if (start === -1) return path.length === 0 ? 'the configuration' : `[${path.join('][')}]`
  const indexes = path.slice(start + 1).map((index) => `[${index}]`)
  return `"${path[start]}${indexes.join('')}"`
}

const sensitive = /(secret|password|hash|pem|token|creds)$/i

/** A value in a sentence; short, and without what may be a secret. */
export function describeValue(value: unknown, path: Path): string {
  if (value === undefined || value === null) return 'empty'
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  const isSecret = path.some((part) => typeof part === 'string' && sensitive.test(part))
  if (isSecret && typeof value === 'string') return 'a text (not shown)'
  const text = JSON.stringify(value)
  return text.length > 80 ? `${text.slice(0, 77)}…"` : text
}

/** `"a", "b" or "c"`, cut where it gets long. */
export function oneOf(names: readonly string[], limit = 16): string {
  const shown = names.slice(0, limit).map((name) => JSON.stringify(name))
  if (names.length > limit) return `one of ${shown.join(', ')} and ${names.length - limit} more`
  if (shown.length <= 1) return shown[0] ?? 'nothing'
  return `${shown.slice(0, -1).join(', ')} or ${shown.at(-1)}`
}
