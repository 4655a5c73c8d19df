/** Which alternative of a union a person meant: the one whose problems are worth showing. */
import type { z } from 'zod'

type Issue = z.core.$ZodIssue

/**
 * The problems of the alternative that `value` fits best, or undefined when it fits none: a value of another type
 * than all of them, or a map without a single setting that one of them knows.
 */
export function chooseAlternative(alternatives: readonly (readonly Issue[])[], value: unknown, known: readonly string[]): readonly Issue[] | undefined {
  const fitting = alternatives.filter((issues) => !issues.some(isAboutTheWhole))
  if (fitting.length === 0) return undefined
  if (!isMap(value)) return fewestProblems(fitting)
  const keys = Object.keys(value)
  if (known.length > 0 && !keys.some((key) => known.includes(key))) return fitting.length === 1 ? fitting[0] : undefined
  return fewestProblems(fitting)
}

/** What the alternatives take, when the value's type fits none of them. */
export function expectedByAlternatives(alternatives: readonly (readonly Issue[])[], hasSettings: boolean): string {
  const words = alternatives.flat().filter(isAboutTheWhole).map(typeOf)
  const order = ['a map of settings', 'a list', 'a text', 'a number']
  const unique = [...new Set(hasSettings ? ['a map of settings', ...words] : words)]
  return unique.sort((a, b) => order.indexOf(b) - order.indexOf(a)).reverse().join(' or ')
}

function typeOf(issue: Issue): string {
  if (issue.code === 'invalid_value') return issue.values.map(String).join(' or ')
  const expected = issue.code === 'invalid_type' ? issue.expected : ''
  const words: Readonly<Record<string, string>> = { object: 'a map of settings', record: 'a map of settings', string: 'a text', array: 'a list', number: 'a number', boolean: 'true or false' }
  return words[expected] ?? expected
}

/** A missing setting weighs more than a wrong one: it tells that another alternative was meant. */
function fewestProblems(alternatives: readonly (readonly Issue[])[]): readonly Issue[] {
  const weight = (issues: readonly Issue[]) => issues.reduce((sum, issue) => sum + (issue.path.length <= 1 ? 2 : 1), 0)
  return alternatives.reduce((best, issues) => (weight(issues) < weight(best) ? issues : best))
}

function isAboutTheWhole(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
