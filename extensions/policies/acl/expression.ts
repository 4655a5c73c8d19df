/**
 * Conditions over what is known of the caller and of the request, such as
 * `claims.tenant == parameters.tenant and ("editor" in claims.roles or claims.level >= 3)`.
 *
 * Read once, when a snapshot is compiled; then a tree of plain objects is walked. What is not there is null; values are
 * compared without conversion, so that "3" is not 3, and a list is equal to nothing: its members are asked for by `in`.
 * There are no functions, no arithmetic and no patterns, on purpose: nothing here can be made slow by a caller.
 */
import type { Exchange } from '../exchange.ts'

type Node =
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'path'; readonly root: RootName; readonly steps: readonly string[] }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Node; readonly right: Node }

type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in'
type RootName = keyof typeof roots

const roots = {
  claims: ({ identity }: Exchange): unknown => identity?.claims,
  consumer: ({ identity }: Exchange): unknown => identity?.consumer,
  groups: ({ identity }: Exchange): unknown => identity?.groups,
  scopes: ({ identity }: Exchange): unknown => identity?.scopes,
  credential: ({ identity }: Exchange): unknown => identity?.credential,
  identifiedBy: ({ identity }: Exchange): unknown => identity?.method,
  parameters: ({ parameters }: Exchange): unknown => parameters,
  route: ({ route }: Exchange): unknown => route.name,
  method: ({ request }: Exchange): unknown => request.method,
  path: ({ request }: Exchange): unknown => request.path,
  host: ({ request }: Exchange): unknown => request.host,
  address: ({ client }: Exchange): unknown => client.address,
}

export interface Expression {
  holds(exchange: Exchange): boolean
  /** Whether it asks which consumer or groups, which auth has to know. */
  readonly needsConsumer: boolean
}

const maxCharacters = 2000
const maxDepth = 50

/** Reads an expression. Throws RangeError with what is wrong and where. */
export function compileExpression(text: string): Expression {
  if (text.length > maxCharacters) throw new RangeError(`longer than ${maxCharacters} characters`)
  const reader = new Reader(text)
  const node = reader.or(0)
  reader.expectEnd()
  return { holds: (exchange) => valueOf(node, exchange) === true, needsConsumer: names(node, 'consumer') || names(node, 'groups') }
}

/** Why `text` is no expression, or undefined. */
export function expressionProblem(text: string): string | undefined {
  try {
    compileExpression(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

interface Token {
  readonly kind: 'text' | 'number' | 'word' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

const tokenPattern = /\s*(?:"((?:[^"\\]|\\["\\])*)"|(-?\d{1,15}(?:\.\d{1,15})?)|([A-Za-z_][A-Za-z0-9_-]*)|(==|!=|<=|>=|<|>|\(|\)|\.|\[|\])|$)/y

class Reader {
  private readonly text: string
  private token: Token
  private end = 0

  constructor(text: string) {
    this.text = text
    this.token = this.read()
  }

  or(depth: number): Node {
    let left = this.and(depth)
    while (this.takeWord('or')) left = { kind: 'or', left, right: this.and(depth) }
    return left
  }

  expectEnd(): void {
    if (this.token.kind !== 'end') throw this.problem('"and", "or" or the end')
  }

  private and(depth: number): Node {
    let left = this.condition(depth)
    while (this.takeWord('and')) left = { kind: 'and', left, right: this.condition(depth) }
    return left
  }

  private condition(depth: number): Node {
    if (depth > maxDepth) throw new RangeError(`nested deeper than ${maxDepth}`)
    if (this.takeWord('not')) return { kind: 'not', of: this.condition(depth + 1) }
    const left = this.operand(depth)
    const operator = this.comparison()
    return operator === undefined ? left : { kind: 'compare', operator, left, right: this.operand(depth) }
  }

  private comparison(): Comparison | undefined {
    const { kind, text } = this.token
    if (kind === 'word' ? text !== 'in' : kind !== 'sign' || !/^(?:==|!=|<=?|>=?)$/.test(text)) return undefined
    this.next()
    return text as Comparison
  }

  private operand(depth: number): Node {
    const { kind, text } = this.token
    if (kind === 'sign' && text === '(') return this.inParentheses(depth)
    if (kind === 'text' || kind === 'number') {
      this.next()
      return { kind: 'literal', value: kind === 'text' ? text : Number(text) }
    }
    if (kind !== 'word' || text === 'and' || text === 'or' || text === 'in') throw this.problem('a value')
    return this.word(text)
  }

  private inParentheses(depth: number): Node {
    this.next()
    const inner = this.or(depth + 1)
    this.expectSign(')')
    return inner
  }

  private word(name: string): Node {
    if (name === 'true' || name === 'false' || name === 'null') {
      this.next()
      return { kind: 'literal', value: name === 'null' ? null : name === 'true' }
    }
    if (!Object.hasOwn(roots, name)) throw this.problem(`one of ${Object.keys(roots).join(', ')}, or a text in quotes`)
    this.next()
    return { kind: 'path', root: name as RootName, steps: this.steps() }
  }

  /** `.name` and `["any name"]`. */
  private steps(): string[] {
    const steps: string[] = []
    for (;;) {
      const { kind, text } = this.token
      if (kind !== 'sign' || (text !== '.' && text !== '[')) return steps
      this.next()
      if (this.token.kind !== (text === '.' ? 'word' : 'text')) throw this.problem(text === '.' ? 'a name' : 'a name in quotes')
      steps.push(this.token.text)
      this.next()
      if (text === '[') this.expectSign(']')
    }
  }

  private takeWord(word: string): boolean {
    const isThere = this.token.kind === 'word' && this.token.text === word
    if (isThere) this.next()
    return isThere
  }

  private expectSign(sign: string): void {
    if (this.token.kind !== 'sign' || this.token.text !== sign) throw this.problem(`"${sign}"`)
    this.next()
  }

  private next(): void {
    this.token = this.read()
  }

  private read(): Token {
    tokenPattern.lastIndex = this.end
    const match = tokenPattern.exec(this.text)
    if (match === null) throw new RangeError(`character ${this.end + 1}: this is neither a name, a value nor an operator`)
    const [whole, text, number, word, sign] = match
    const at = this.end + whole.length - whole.trimStart().length
    this.end += whole.length
    if (text !== undefined) return { kind: 'text', text: text.replaceAll(/\\(["\\])/g, '$1'), at }
    if (number !== undefined) return { kind: 'number', text: number, at }
    return word !== undefined ? { kind: 'word', text: word, at } : { kind: sign === undefined ? 'end' : 'sign', text: sign ?? 'the end', at }
  }

  private problem(expected: string): RangeError {
    return new RangeError(`character ${this.token.at + 1}: ${this.token.kind === 'end' ? 'the end' : `"${this.token.text}"`} stands where ${expected} is expected`)
  }
}

function names(node: Node, root: RootName): boolean {
  switch (node.kind) {
    case 'literal': return false
    case 'path': return node.root === root
    case 'not': return names(node.of, root)
    default: return names(node.left, root) || names(node.right, root)
  }
}

function valueOf(node: Node, exchange: Exchange): unknown {
  switch (node.kind) {
    case 'literal': return node.value
    case 'path': return follow(roots[node.root](exchange), node.steps)
    case 'not': return valueOf(node.of, exchange) !== true
    case 'and': return valueOf(node.left, exchange) === true && valueOf(node.right, exchange) === true
    case 'or': return valueOf(node.left, exchange) === true || valueOf(node.right, exchange) === true
    case 'compare': return compare(node.operator, valueOf(node.left, exchange), valueOf(node.right, exchange))
  }
}

/** Own members only: a claim named `constructor` is not there because objects have one. */
function follow(start: unknown, steps: readonly string[]): unknown {
  let value = start ?? null
  for (const step of steps) {
    if (typeof value !== 'object' || value === null || Array.isArray(value) || !Object.hasOwn(value, step)) return null
    value = (value as Record<string, unknown>)[step] ?? null
  }
  return value
}

function compare(operator: Comparison, left: unknown, right: unknown): boolean {
  if (operator === 'in') return Array.isArray(right) && isScalar(left) && right.includes(left)
  if (operator === '==') return isScalar(left) && left === right
  // Of lists and maps nothing is said, not even that they differ.
  if (operator === '!=') return isScalar(left) && isScalar(right) && left !== right
  if (typeof left !== typeof right || (typeof left !== 'number' && typeof left !== 'string')) return false
  const [a, b] = [left as number, right as number]
  return operator === '<' ? a < b : operator === '<=' ? a <= b : operator === '>' ? a > b : a >= b
}

function isScalar(value: unknown): boolean {
  return value === null || typeof value !== 'object'
}
