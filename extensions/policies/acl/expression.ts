/**
 * Conditions over what is known of the caller and of the request, such as
 * `claims.tenant == parameters.tenant and ("editor" in claims.roles or claims.level >= 3)`.
 *
 * Read once, when a snapshot is compiled; then a tree of plain objects is walked. What is not there is null; values are
 * compared without conversion, so that "3" is not 3, and a list is equal to nothing: its members are asked for by `in`.
 * There are no functions, no arithmetic and no patterns, on purpose: nothing here can be made slow by a caller.
 */
import type { Exchange } from '../exchange.ts'
import { type Comparison, type Node, parseExpression } from './expression-reader.ts'

const roots: Readonly<Record<string, (exchange: Exchange) => unknown>> = {
  claims: ({ identity }) => identity?.claims,
  consumer: ({ identity }) => identity?.consumer,
  groups: ({ identity }) => identity?.groups,
  scopes: ({ identity }) => identity?.scopes,
  credential: ({ identity }) => identity?.credential,
  identifiedBy: ({ identity }) => identity?.method,
  parameters: ({ parameters }) => parameters,
  route: ({ route }) => route.name,
  method: ({ request }) => request.method,
  path: ({ request }) => request.path,
  host: ({ request }) => request.host,
  address: ({ client }) => client.address,
}

export interface Expression {
  holds(exchange: Exchange): boolean
  /** Whether it asks which consumer or groups, which auth has to know. */
  readonly needsConsumer: boolean
}

const maxCharacters = 2000

/** Reads an expression. Throws RangeError with what is wrong and where. */
export function compileExpression(text: string): Expression {
  if (text.length > maxCharacters) throw new RangeError(`longer than ${maxCharacters} characters`)
  const node = parseExpression(text, Object.keys(roots))
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

function names(node: Node, root: string): boolean {
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
    case 'path': return follow(roots[node.root]!(exchange), node.steps)
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
