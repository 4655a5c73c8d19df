/** Reads a condition into a tree: `or` over `and` over comparisons, one token ahead. */
export type Node =
  | { readonly kind: 'literal'; readonly value: unknown }
  | { readonly kind: 'path'; readonly root: string; readonly steps: readonly string[] }
  | { readonly kind: 'not'; readonly of: Node }
  | { readonly kind: 'and' | 'or'; readonly left: Node; readonly right: Node }
  | { readonly kind: 'compare'; readonly operator: Comparison; readonly left: Node; readonly right: Node }

export type Comparison = '==' | '!=' | '<' | '<=' | '>' | '>=' | 'in'

const maxDepth = 50

interface Token {
  readonly kind: 'text' | 'number' | 'word' | 'sign' | 'end'
  readonly text: string
  readonly at: number
}

const tokenPattern = /\s*(?:"((?:[^"\\]|\\["\\])*)"|(-?\d{1,15}(?:\.\d{1,15})?)|([A-Za-z_][A-Za-z0-9_-]*)|(==|!=|<=|>=|<|>|\(|\)|\.|\[|\])|$)/y

/** The tree of `text`, whose paths begin with one of `rootNames`. Throws RangeError with what is wrong and where. */
export function parseExpression(text: string, rootNames: readonly string[]): Node {
  const reader = new Reader(text, rootNames)
  const node = reader.or(0)
  reader.expectEnd()
  return node
}

class Reader {
  private readonly text: string
  private readonly rootNames: readonly string[]
  private token: Token
  private end = 0

  constructor(text: string, rootNames: readonly string[]) {
    this.text = text
    this.rootNames = rootNames
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
    if (!this.rootNames.includes(name)) throw this.problem(`one of ${this.rootNames.join(', ')}, or a text in quotes`)
    this.next()
    return { kind: 'path', root: name, steps: this.steps() }
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
