/** The findings of a zod schema as sentences of ours: what is wrong, what was expected, the nearest valid name. */
import type { z } from 'zod'
import { nearestName } from './nearest-name.ts'
import { describeValue, labelOf, oneOf, type Path, type Problem, type ProblemList } from './problem.ts'
import { chooseAlternative, expectedByAlternatives } from './union-issues.ts'
import { settingsAt } from './zod-schema.ts'

export interface ShapeParts {
  readonly schema: z.core.$ZodType
  /** Where the checked value stands in the document. */
  readonly base: Path
  /** The value as it was written, references unresolved: sentences show this one. */
  readonly written: unknown
  /** Settings and values of the interface that are not built yet, by the place of their map or value. */
  readonly notBuilt: (path: Path) => readonly string[]
  readonly problems: ProblemList
}

export type Issue = z.core.$ZodIssue

/** Marks the messages that no schema wrote, so that the sentences of schemas can be told from zod's own. */
const unworded = '\u0000'

export const shapeErrorMap = { error: () => unworded } as const

/** Adds a problem for each finding. `issues` come from a parse with `shapeErrorMap`. */
export function addShapeProblems(issues: readonly Issue[], parts: ShapeParts): void {
  for (const issue of issues) addIssue(issue, [], parts)
}

function addIssue(issue: Issue, above: Path, parts: ShapeParts): void {
  const path = [...above, ...(issue.path as Path)]
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys) parts.problems.add(() => unknownSetting(path, key, parts))
  } else if (issue.code === 'invalid_union' && issue.message === unworded) {
    addUnion(issue, path, parts)
  } else {
    parts.problems.add(() => wrongValue(issue, path, parts))
  }
}

function addUnion(issue: z.core.$ZodIssueInvalidUnion, path: Path, parts: ShapeParts): void {
  const value = valueAt(parts.written, path)
  const known = settingsAt(parts.schema, path)
  const chosen = chooseAlternative(issue.errors, value, known)
  if (chosen !== undefined) {
    for (const inner of chosen) addIssue(inner, path, parts)
  } else if (isMap(value) && known.length > 0) {
    addUnknownTags(value, path, parts)
  } else {
    const expected = expectedByAlternatives(issue.errors, known.length > 0)
    parts.problems.add(() => wrong(path, parts, `${labelOf(absolute(path, parts))} is ${describe(value, path, parts)}`, expected))
  }
}

function addUnknownTags(value: Record<string, unknown>, path: Path, parts: ShapeParts): void {
  const keys = Object.keys(value)
  for (const key of keys) parts.problems.add(() => unknownSetting(path, key, parts))
  if (keys.length > 0) return
  parts.problems.add(() => wrong(path, parts, `${labelOf(absolute(path, parts))} is empty`, oneOf(settingsAt(parts.schema, path))))
}

function unknownSetting(path: Path, key: string, parts: ShapeParts): Problem {
  const at = { path: [...absolute(path, parts), key], onKey: true } as const
  if (parts.notBuilt(absolute(path, parts)).includes(key)) return { ...at, message: `"${key}" is not built yet`, code: 'config.not_built' }
  const known = settingsAt(parts.schema, path)
  if (known.includes(key)) return { ...at, message: `"${key}" does not go together with what stands beside it`, expected: 'only one of them', code: 'config.invalid' }
  return { ...at, message: `unknown setting "${key}"`, expected: oneOf(known), nearest: nearestName(key, known), code: 'config.invalid' }
}

function wrongValue(issue: Issue, path: Path, parts: ShapeParts): Problem {
  const value = valueAt(parts.written, path)
  const wording = issue.message === unworded ? undefined : issue.message
  const label = labelOf(absolute(path, parts))
  if (wording?.endsWith('is not built yet') === true) return { path: absolute(path, parts), message: wording.startsWith('"') ? wording : `${label}: ${wording}`, code: 'config.not_built' }
  if (issue.code === 'invalid_key') return wrongKey(issue, path, parts)
  if (issue.code === 'custom' && typeof value !== 'string' && typeof value !== 'number') return wrong(path, parts, `${label}: ${wording ?? 'is not valid'}`)
  if (value === undefined) return wrong(path.slice(0, -1), parts, `${label} is missing`, wording ?? expectedBy(issue))
  if (issue.code === 'invalid_value') return wrongChoice(issue, path, wording, parts)
  if (Array.isArray(value) && (issue.code === 'too_small' || issue.code === 'too_big')) return wrong(path, parts, `${label} has ${counted(value.length, 'item')}`, wording ?? expectedBy(issue))
  return wrong(path, parts, `${label} is ${describe(value, path, parts)}`, wording ?? expectedBy(issue))
}

function wrongChoice(issue: z.core.$ZodIssueInvalidValue, path: Path, wording: string | undefined, parts: ShapeParts): Problem {
  const value = valueAt(parts.written, path)
  const shown = `${labelOf(absolute(path, parts))} is ${describe(value, path, parts)}`
  const names = issue.values.filter((choice) => typeof choice === 'string')
  if (typeof value !== 'string') return wrong(path, parts, shown, wording ?? expectedBy(issue))
  if (parts.notBuilt(absolute(path, parts)).includes(value)) return { path: absolute(path, parts), message: `${shown}, which is not built yet`, expected: expectedBy(issue), code: 'config.not_built' }
  return wrong(path, parts, shown, wording ?? expectedBy(issue), nearestName(value, names))
}

function wrongKey(issue: z.core.$ZodIssueInvalidKey, path: Path, parts: ShapeParts): Problem {
  const message = issue.issues[0]?.message ?? unworded
  const expected = message === unworded ? undefined : message
  return { path: absolute(path, parts), message: `"${path.at(-1)}" is no valid name here`, expected, onKey: true, code: 'config.invalid' }
}

function wrong(path: Path, parts: ShapeParts, message: string, expected?: string, nearest?: string): Problem {
  return { path: absolute(path, parts), message, expected, nearest, code: 'config.invalid' }
}

function absolute(path: Path, parts: ShapeParts): Path {
  return [...parts.base, ...path]
}

function describe(value: unknown, path: Path, parts: ShapeParts): string {
  return describeValue(value, absolute(path, parts))
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'a text', number: 'a number', int: 'a whole number', boolean: 'true or false', object: 'a map of settings', record: 'a map', array: 'a list',
}

/** What a schema without words of its own expects. */
export function expectedBy(issue: Issue): string {
  switch (issue.code) {
    case 'invalid_type': return typeWords[issue.expected] ?? issue.expected
    case 'invalid_value': return oneOf(issue.values.map(String)).replace(/^"(true|false|\d+)"$/, '$1')
    case 'too_small': return `${bound('at least', 'more than', issue.inclusive)} ${amount(issue.minimum, issue.origin)}`
    case 'too_big': return `${bound('at most', 'less than', issue.inclusive)} ${amount(issue.maximum, issue.origin)}`
    case 'invalid_format': return formatWords(issue)
    case 'not_multiple_of': return `a multiple of ${issue.divisor}`
    default: return 'another value'
  }
}

function bound(inclusive: string, exclusive: string, isInclusive: boolean | undefined): string {
  return isInclusive === false ? exclusive : inclusive
}

function amount(count: number | bigint, origin: string): string {
  const units: Readonly<Record<string, string>> = { string: 'character', array: 'item' }
  const unit = units[origin]
  return unit === undefined ? String(count) : counted(Number(count), unit)
}

function counted(count: number, unit: string): string {
  return `${count} ${unit}${count === 1 ? '' : 's'}`
}

function formatWords(issue: z.core.$ZodIssueInvalidStringFormat): string {
  if ('prefix' in issue && typeof issue.prefix === 'string') return `a text that begins with "${issue.prefix}"`
  if (issue.format === 'regex') return `a text that matches ${issue.pattern ?? 'a pattern'}`
  return `a valid ${issue.format.replaceAll('_', ' ')}`
}

function isMap(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, part) => (typeof inner === 'object' && inner !== null && Object.hasOwn(inner, part) ? (inner as Record<string | number, unknown>)[part] : undefined), value)
}
