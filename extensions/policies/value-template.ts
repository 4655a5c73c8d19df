/**
 * Values with holes: `{user_id}` is a path parameter, `{claim:NAME}` a claim of the caller's token, `{consumer}` the
 * caller's name; `{{` and `}}` stand for braces. Parsed when a snapshot is compiled, filled on requests. What a token
 * brings is escaped for the place it goes to, so that it can neither end a field nor add a path segment.
 */
import type { Exchange } from './exchange.ts'
import { claimText } from './claim-text.ts'

type Hole = { readonly kind: 'parameter' | 'claim'; readonly name: string } | { readonly kind: 'consumer' }

export interface ValueTemplate {
  /** The whole value when it has no holes. */
  readonly literal: string | undefined
  readonly parts: readonly (string | Hole)[]
}

const partPattern = /\{\{|\}\}|\{([^{}]*)\}|[{}]|[^{}]+/g
const parameterName = /^[A-Za-z_][A-Za-z0-9_]*$/

/** What is wrong with a template, undefined when nothing is. */
export function templateProblem(text: string): string | undefined {
  try {
    compileTemplate(text)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

/** Throws RangeError saying what is wrong. */
export function compileTemplate(text: string): ValueTemplate {
  const parts: (string | Hole)[] = []
  let literal = ''
  for (const match of text.matchAll(partPattern)) {
    const hole = match[1] === undefined ? undefined : readHole(match[1])
    if (hole === undefined) {
      literal += readLiteral(match[0])
      continue
    }
    if (literal !== '') parts.push(literal)
    literal = ''
    parts.push(hole)
  }
  if (parts.length === 0) return { literal, parts: [literal] }
  if (literal !== '') parts.push(literal)
  return { literal: undefined, parts }
}

function readLiteral(text: string): string {
  if (text === '{{' || text === '}}') return text[0]!
  if (text === '{' || text === '}') throw new RangeError(`a value without a single "${text}"; "${text}${text}" stands for the character`)
  return text
}

function readHole(inside: string): Hole {
  if (inside === 'consumer') return { kind: 'consumer' }
  if (inside.startsWith('claim:') && inside.length > 6) return { kind: 'claim', name: inside.slice(6) }
  if (parameterName.test(inside)) return { kind: 'parameter', name: inside }
  throw new RangeError(`"{parameter}", "{claim:NAME}" or "{consumer}" in place of "{${inside}}"`)
}

/** The value of a field; characters that a field cannot hold are percent-encoded. */
export function fillField(template: ValueTemplate, exchange: Exchange): string {
  return template.literal ?? fill(template, exchange, fieldSafe, asItIs)
}

/** A path; what a token brings is one segment at most. */
export function fillPath(template: ValueTemplate, exchange: Exchange): string {
  return template.literal ?? fill(template, exchange, encodeURIComponentSafely, asItIs)
}

/** A parameter's value, not yet encoded. */
export function fillParameter(template: ValueTemplate, exchange: Exchange): string {
  return template.literal ?? fill(template, exchange, asItIs, decodeSegment)
}

/** A part of a query, escaped so that it stays one value. */
export function fillQuery(template: ValueTemplate, exchange: Exchange): string {
  return template.literal ?? fill(template, exchange, encodeURIComponentSafely, (text) => encodeURIComponentSafely(decodeSegment(text)))
}

type Change = (text: string) => string

function fill(template: ValueTemplate, exchange: Exchange, changeFact: Change, changeParameter: Change): string {
  let filled = ''
  for (const part of template.parts) {
    if (typeof part === 'string') filled += part
    else if (part.kind === 'parameter') filled += changeParameter(exchange.parameters[part.name] ?? '')
    else filled += changeFact(part.kind === 'consumer' ? (exchange.identity?.consumer ?? '') : claimText(exchange.identity, part.name))
  }
  return filled
}

function asItIs(text: string): string {
  return text
}

function fieldSafe(text: string): string {
  return text.replace(/[^\x20-\x7e]+/g, encodeURIComponentSafely)
}

function encodeURIComponentSafely(text: string): string {
  return encodeURIComponent(text.toWellFormed())
}

/** The escapes of a normalised path are whole; those of bytes that are no UTF-8 stay. */
function decodeSegment(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
