import { resolve } from 'node:path'
import type { Command } from 'commander'
import type { Surroundings } from './surroundings.ts'

export const exitCodes = { fine: 0, problems: 1, differences: 2 } as const

/** What each file of `commands/` is given. */
export interface CommandContext {
  readonly surroundings: Surroundings
  /** Sets the exit code of a command that did not fail. */
  finish(exitCode: number): void
}

/** What each file of `commands/` exports: adds its command to the program. */
export type AddCommand = (program: Command, context: CommandContext) => void

/** A path as the user wrote it, made absolute. */
export function pathOf(context: CommandContext, path: string): string {
  return resolve(context.surroundings.directory, path)
}

/** Answers on stdout: `value` as JSON when asked for, else the text made by `describe`. */
export function answer<T>(context: CommandContext, json: boolean | undefined, value: T, describe: (value: T) => string): void {
  const text = json === true ? JSON.stringify(value, undefined, 2) : describe(value)
  if (text !== '') context.surroundings.out(text.endsWith('\n') ? text : `${text}\n`)
}

/** Lines of aligned columns, the first row being their heads. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = rows.reduce<number[]>((known, row) => row.map((cell, index) => Math.max(cell.length, known[index] ?? 0)), [])
  return rows.map((row) => row.map((cell, index) => cell.padEnd(widths[index] ?? 0)).join('  ').trimEnd()).join('\n')
}
