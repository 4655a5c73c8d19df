/**
 * The paths that a route admits, as a machine that can be compared with another: does every path of the one meet the other,
 * is there one that meets both? Each kind of path is written as a pattern and taken from RE2's own program of it, made
 * deterministic as far as it is walked (subset construction; Hopcroft and Ullman, §2.3). Paths are those that normalising
 * leaves: they begin with `/` and are printable ASCII.
 */
import { pathClassOf, type RouteMatch } from '@sluice/proto/config'
import { RE2JS } from 're2js'

export type PathMatch = Pick<RouteMatch, 'path' | 'pathPrefix' | 'pathRegex'>

/** Of the instructions of RE2's programs. */
const op = { alternative: 1, alternativeMatch: 2, capture: 3, emptyWidth: 4, match: 6, nothing: 7, rune: 8, runeAny: 10, runeAnyNotNewline: 11 }
/** What an empty-width instruction asks for. A path is one line. */
const asks = { begin: 1 | 4, end: 2 | 8, wordBoundary: 16, noWordBoundary: 32 }

interface Instruction {
  readonly op: number
  /** Of one that takes characters: the one, or the bounds of ranges. */
  readonly runes: ArrayLike<number>
  readonly out: number
  readonly arg: number
  matchRune(rune: number): boolean
}

const noRunes = { runes: [] as readonly number[], arg: 0 }
/** Of re2js's flags, in `arg`. */
const foldCase = 1

interface State {
  readonly positions: readonly number[]
  /** What stands before: it decides whether a word begins or ends here. -1: nothing. */
  readonly before: number
  /** What the path matched already goes on as it likes. */
  readonly hasMatched: boolean
  readonly next: Map<number, State>
  /** Whether the path may end here; found out when it is asked. */
  accepts: boolean | undefined
}

/** Letters and digits first: a path that is shown to somebody looks like one. */
const readable = [...'abcdefghijklmnopqrstuvwxyz0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ/-_.~%!"$&\'()*+,:;<=>@[]^`{|}'].map((character) => character.charCodeAt(0))
const slash = 0x2f
/** Pairs of states that are looked at before a question counts as too large to be answered. */
const maxPairs = 5000

/** What all questions of one check may cost together, in pairs of states: about a second. */
export class Effort {
  left = 200_000
}

export class PathLanguage {
  readonly start: State
  private readonly instructions: readonly Instruction[]
  private readonly first: number
  private readonly states = new Map<string, State>()
  private known: ReadonlyMap<number, string> | undefined
  private knownBeginning: string | undefined

  constructor(match: PathMatch) {
    const program = RE2JS.compile(patternOf(match)).re2().prog as { inst: Instruction[]; start: number }
    this.instructions = program.inst
    this.first = program.start
    this.start = this.stateOf(new Set(), -1, false)
  }

  /** The state behind one more character. */
  step(state: State, code: number): State {
    const known = state.next.get(code)
    if (known !== undefined) return known
    const { consumers, matched } = this.reach(state, code)
    const positions = new Set<number>()
    for (const position of consumers) if (takes(this.instructions[position]!, code)) positions.add(this.instructions[position]!.out)
    const next = this.stateOf(positions, isWord(code) ? 1 : 0, matched)
    state.next.set(code, next)
    return next
  }

  /** Whether a path that ends in this state is one of these. */
  accepts(state: State): boolean {
    state.accepts ??= this.reach(state, -1).matched
    return state.accepts
  }

  /** What each of its paths begins with, as far as that is one text: most patterns are told apart by it. */
  get beginning(): string {
    this.knownBeginning ??= this.findBeginning()
    return this.knownBeginning
  }

  /** By character: which instructions take it, and whether it stands in words. Characters with the same one are alike to this machine. */
  get signatures(): ReadonlyMap<number, string> {
    if (this.known === undefined) {
      const rules = this.instructions.filter(takesCharacter)
      this.known = new Map(readable.map((code) => [code, `${isWord(code) ? 'w' : '.'}${rules.map((rule) => (takes(rule, code) ? 1 : 0)).join('')}`]))
    }
    return this.known
  }

  private findBeginning(): string {
    let text = ''
    // What comes next decides about them, and it is not known here.
    if (this.instructions.some(({ op: kind, arg }) => kind === op.emptyWidth && (arg & (asks.wordBoundary | asks.noWordBoundary)) !== 0)) return text
    let state = this.start
    for (;;) {
      const { consumers, matched } = this.reach(state, slash)
      const [only] = consumers
      const { runes, arg } = only === undefined ? noRunes : this.instructions[only]!
      // A letter of either case is no one letter.
      if (matched || consumers.size !== 1 || runes.length !== 1 || (arg & foldCase) !== 0 || this.reach(state, -1).matched) return text
      text += String.fromCharCode(runes[0]!)
      state = this.step(state, runes[0]!)
    }
  }

  private stateOf(positions: ReadonlySet<number>, before: number, hasMatched: boolean): State {
    const sorted = hasMatched ? [] : [...positions].sort((a, b) => a - b)
    const key = hasMatched ? 'matched' : `${sorted.join()} ${before}`
    const known = this.states.get(key)
    if (known !== undefined) return known
    const made: State = { positions: sorted, before, hasMatched, next: new Map(), accepts: hasMatched || undefined }
    this.states.set(key, made)
    return made
  }

  /** The instructions that would consume `next` from here, -1 for the path's end. A pattern may begin at every place. */
  private reach(state: State, next: number): { consumers: Set<number>; matched: boolean } {
    const seen = new Set<number>()
    const consumers = new Set<number>()
    const pending = [...state.positions, this.first]
    let matched = state.hasMatched
    while (!matched && pending.length > 0) {
      const position = pending.pop()!
      if (seen.has(position)) continue
      seen.add(position)
      const instruction = this.instructions[position]!
      if (instruction.op === op.match) matched = true
      else if (instruction.op === op.alternative || instruction.op === op.alternativeMatch) pending.push(instruction.out, instruction.arg)
      else if (instruction.op === op.capture || instruction.op === op.nothing) pending.push(instruction.out)
      else if (instruction.op === op.emptyWidth && holds(instruction.arg, state.before, next)) pending.push(instruction.out)
      else if (takesCharacter(instruction)) consumers.add(position)
    }
    return { consumers, matched }
  }
}

/** Whether every path of `smaller` is one of `larger`; false, too, when that is too much to find out. */
export function holdsAllPaths(larger: PathLanguage, smaller: PathLanguage, effort: Effort): boolean {
  return searchBoth(larger, smaller, effort, (one, other) => smaller.accepts(other) && !larger.accepts(one)) === 'none'
}

/** The shortest path that is one of both, whether there is none, or that it is too much to find out. */
export function sharedPath(one: PathLanguage, other: PathLanguage, effort: Effort): SharedPath {
  return searchBoth(one, other, effort, (first, second) => one.accepts(first) && other.accepts(second))
}

export type SharedPath = { readonly path: string } | 'none' | 'unknown'

/** Breadth first over pairs of states, so the path that is found is a shortest one. */
function searchBoth(one: PathLanguage, other: PathLanguage, effort: Effort, isFound: (first: State, second: State) => boolean): SharedPath {
  const codes = distinctCodes(one, other)
  const queue = [{ first: one.step(one.start, slash), second: other.step(other.start, slash), path: '/' }]
  const seen = new Map<State, Set<State>>([[queue[0]!.first, new Set([queue[0]!.second])]])
  for (let at = 0; at < queue.length; at++) {
    if (at >= maxPairs || effort.left-- <= 0) return 'unknown'
    const { first, second, path } = queue[at]!
    if (isFound(first, second)) return { path }
    for (const code of codes) {
      const [nextFirst, nextSecond] = [one.step(first, code), other.step(second, code)]
      const known = seen.get(nextFirst) ?? new Set()
      if (known.has(nextSecond)) continue
      seen.set(nextFirst, known.add(nextSecond))
      queue.push({ first: nextFirst, second: nextSecond, path: path + String.fromCharCode(code) })
    }
  }
  return 'none'
}

function distinctCodes(one: PathLanguage, other: PathLanguage): number[] {
  const [ofOne, ofOther] = [one.signatures, other.signatures]
  const distinct = new Map<string, number>()
  for (const code of readable) {
    const key = `${ofOne.get(code)} ${ofOther.get(code)}`
    if (!distinct.has(key)) distinct.set(key, code)
  }
  return [...distinct.values()]
}

/** The same paths as the router's (`services/edge/src/router/`), which looks them up without a pattern wherever it can. */
function patternOf(match: PathMatch): string {
  const { path, pathPrefix, pathRegex } = match
  switch (pathClassOf(match)) {
    case 'exact':
      return `^${RE2JS.quote(path!)}$`
    case 'parameters':
    case 'tail':
      return `^${path!.split('/').map((segment) => (segment.endsWith('*}') ? '.*' : segment.startsWith('{') ? '[^/]+' : RE2JS.quote(segment))).join('/')}$`
    case 'prefix':
      return pathPrefix!.endsWith('/') ? `^${RE2JS.quote(pathPrefix!)}` : `^${RE2JS.quote(pathPrefix!)}(/|$)`
    case 'regex':
      return pathRegex!
    case 'any':
      return ''
  }
}

function takesCharacter({ op: kind }: Instruction): boolean {
  return kind >= op.rune && kind <= op.runeAnyNotNewline
}

function takes(instruction: Instruction, code: number): boolean {
  return instruction.op >= op.runeAny || instruction.matchRune(code)
}

/** Whether what an empty-width instruction asks for is so between `before` (-1: nothing, 1: a word's character) and `next`. */
function holds(asked: number, before: number, next: number): boolean {
  const isBoundary = (before === 1) !== (next >= 0 && isWord(next))
  if ((asked & asks.begin) !== 0 && before >= 0) return false
  if ((asked & asks.end) !== 0 && next >= 0) return false
  if ((asked & asks.wordBoundary) !== 0 && !isBoundary) return false
  return !((asked & asks.noWordBoundary) !== 0 && isBoundary)
}

function isWord(code: number): boolean {
  return /\w/.test(String.fromCharCode(code))
}
