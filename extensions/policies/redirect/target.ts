/** The target of a redirect: a template whose holes are escaped for the place that they stand in. */
import type { Exchange } from '../exchange.ts'
import { compileTemplate, fillPath, fillQuery, templateProblem, type ValueTemplate } from '../value-template.ts'

type RequestHole = 'host' | 'path' | 'query' | 'target'
type Fill = (exchange: Exchange) => string

const requestHole = /(?<!\{)\{request:(host|path|query|target)\}/
/** What RFC 3986 §2 has no place for; a backslash among it, which browsers take for a slash. */
const noUri = /[^A-Za-z0-9\-._~:/?#[\]@!$&'()*+,;=%]+/g

/** What is wrong with a target beside its shape, undefined when nothing is. */
export function targetProblem(text: string): string | undefined {
  return text.split(requestHole).filter((_, index) => index % 2 === 0).map(templateProblem).find((problem) => problem !== undefined)
}

export interface Target {
  /** The whole target when it has no holes. */
  readonly literal: string | undefined
  readonly fill: Fill
}

export function compileTarget(text: string): Target {
  const fills: Fill[] = []
  let isQuery = false
  let literal: string | undefined = ''
  for (const [index, part] of text.split(requestHole).entries()) {
    if (index % 2 === 1) {
      fills.push(fillRequest(part as RequestHole))
      literal = undefined
      continue
    }
    for (const piece of splitAtQuery(part, isQuery)) {
      const template = compileTemplate(piece)
      fills.push(isQuery ? fillWith(fillQuery, template) : fillWith(fillPath, template))
      literal = literal === undefined || template.literal === undefined ? undefined : literal + template.literal
      isQuery ||= piece.includes('?')
    }
  }
  return { literal, fill: (exchange) => safe(fills.map((fill) => fill(exchange)).join('')) }
}

/** The piece up to "?" and what follows, so that what is filled into the query is escaped as a value of it. */
function splitAtQuery(text: string, isQuery: boolean): string[] {
  const mark = isQuery ? -1 : text.indexOf('?')
  return mark < 0 ? [text] : [text.slice(0, mark + 1), text.slice(mark + 1)]
}

function fillWith(fill: (template: ValueTemplate, exchange: Exchange) => string, template: ValueTemplate): Fill {
  return (exchange) => fill(template, exchange)
}

function fillRequest(hole: RequestHole): Fill {
  if (hole === 'target') return ({ request: { path, query } }) => (query === '' ? path : `${path}?${query}`)
  return ({ request }) => request[hole]
}

/** Two slashes at the beginning, which an empty value leaves, would name a host. */
function safe(target: string): string {
  return target.replace(noUri, (text) => encodeURIComponent(text.toWellFormed())).replace(/^\/{2,}/, '/')
}
