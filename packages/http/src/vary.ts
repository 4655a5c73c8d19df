import type { HeaderFields } from './header-fields.ts'

/** The request's fields that a response was chosen by (RFC 9110 §12.5.5), in lower case, each once, in one order; `*`: by more than fields. */
export function varyNames(fields: Pick<HeaderFields, 'has' | 'getAll'>): readonly string[] | '*' {
  if (!fields.has('vary')) return nothing
  const names = fields.getAll('vary').flatMap((value) => value.split(',')).map((name) => name.trim().toLowerCase()).filter((name) => name !== '')
  return names.includes('*') ? '*' : [...new Set(names)].sort()
}

const nothing: readonly string[] = Object.freeze([])

/**
 * What a request says in those fields, as one text: two requests with the same text are given the same response (RFC 9111 §4.1). Fields of one name
 * count as one list; white space around its members says nothing.
 */
export function varyText(names: readonly string[], fields: Pick<HeaderFields, 'has' | 'getAll'>): string {
  let text = ''
  for (const name of names) text += `\n${name}${fields.has(name) ? `:${fields.getAll(name).flatMap((value) => value.split(',')).map((part) => part.trim()).join(',')}` : ''}`
  return text
}
