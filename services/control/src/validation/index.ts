/** Checking a configuration: what control does before each revision, and what `sluice check` does on its own. */
import { checkGuardrails } from '../guardrails/guardrails.ts'
import type { WrittenDocument } from '../revisions/resources.ts'
import { loadConfigFile } from './config-file.ts'
import type { ConfigFile } from './config-file-read.ts'
import { makeConfigSchema } from './json-schema.ts'
import { policySchemas } from './policy-catalogue.ts'
import { formatProblem, type Position, type Problem, type Warning } from './problem.ts'
import { checkConfig, type Validation, type ValidationParts } from './validate.ts'

export { loadConfigFile }
export type { ConfigFile } from './config-file-read.ts'
export { formatProblem, pointerOf, sentenceOf } from './problem.ts'
export type { FileProblem, Path, Position, Problem, Warning } from './problem.ts'
export type { ConsumerInput, Validation, ValidationParts } from './validate.ts'

/** Checks a configuration as it was read from a file or sent to the admin API, against the policies there are. Never rejects for bad input. */
export function validateConfig(input: unknown, parts: ValidationParts): Promise<Validation> {
  return checkConfig(input, policySchemas, parts)
}

/** JSON Schema of the config file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return makeConfigSchema(policySchemas)
}

/**
 * Reads and checks a config file or folder. Problems and warnings come as lines for people,
 * `file:line:column: what is wrong; what was expected; the nearest valid name`, in the order of the text.
 */
export async function checkConfigFile(path: string, parts: FileCheckParts, overlays: readonly string[] = []): Promise<CheckedFile> {
  const file = await loadConfigFile(path, overlays)
  if (file.problems.length > 0) return { file, validation: undefined, problems: inOrder(file.problems.map((problem) => [problem, problem.position])), warnings: [] }
  const { complete = (input) => input } = parts
  const validation = withGuardrails(await validateConfig(complete(file.input), { ...parts, baseDirectory: file.baseDirectory }), parts.isKnown?.(file.digest) === true)
  return { file, validation, problems: linesOf(file, validation.problems), warnings: linesOf(file, validation.warnings) }
}

/** A configuration that is good otherwise, held against the rules that stand in it. */
function withGuardrails(found: Validation, isLenient: boolean): Validation {
  if (found.revision === undefined) return found
  const { problems, warnings } = checkGuardrails(found.revision as WrittenDocument, { nowMs: Date.now(), isLenient })
  return { ...found, problems, warnings: [...found.warnings, ...warnings] }
}

export interface FileCheckParts extends Omit<ValidationParts, 'baseDirectory'> {
  /** The configuration that the file means beside what is there already [the file's]. */
  readonly complete?: (input: unknown) => unknown
  /** Whether a file of this digest is in force already: guardrails that it breaks by now, since a waiver has ended, are told only. */
  readonly isKnown?: (digest: string) => boolean
}

export interface CheckedFile {
  readonly file: ConfigFile
  /** Undefined when the file could not be read. */
  readonly validation: Validation | undefined
  readonly problems: readonly string[]
  readonly warnings: readonly string[]
}

function linesOf(file: ConfigFile, found: readonly (Problem | Warning)[]): string[] {
  return inOrder(found.map((one) => [one, file.locate(one.path, 'onKey' in one)]))
}

function inOrder(found: readonly (readonly [Pick<Problem, 'message' | 'expected' | 'nearest'>, Position])[]): string[] {
  const sorted = [...found].sort(([, a], [, b]) => (a.file < b.file ? -1 : a.file > b.file ? 1 : a.line - b.line || a.column - b.column))
  return sorted.map(([problem, position]) => formatProblem(problem, position))
}
