import { isAbsolute } from 'node:path'
import { formatProblem, loadConfigFile, type ConfigFile } from '@sluice/control/validation'
import type { AdminProblem } from './admin-client.ts'
import { pathOf, type CommandContext } from './command.ts'
import { Failure } from './failure.ts'
import type { Warning } from './receipt.ts'

const defaultConfig = 'gateway.yaml'

/** `--overlay`: for `check`, `diff` and `apply`. */
export interface OverlayOptions {
  readonly overlay?: readonly string[]
}

/** The config file or folder that `-c` names, with its overlays, read as `sluice run` would. Throws a `Failure` with every problem of its text. */
export async function readConfig(context: CommandContext, { config, overlay = [] }: OverlayOptions & { config?: string }): Promise<ConfigFile> {
  const file = await loadConfigFile(configPath(context, config), overlay.map((one) => configPath(context, one)))
  if (file.problems.length === 0) return file
  throw new Failure(`${file.path} cannot be read`, { problems: file.problems.map((problem) => formatProblem(problem, problem.position)) })
}

/** The config that `-c` names, as the user wrote it where that leads to it, else by its whole path: problems show it. */
export function configPath(context: CommandContext, named: string = defaultConfig): string {
  return isAbsolute(named) || context.surroundings.directory === process.cwd() ? named : pathOf(context, named)
}

/** Turns a problem that the admin API found in the sent file into a line with its place. */
export function problemInFile(file: ConfigFile): (problem: AdminProblem) => string {
  return ({ pointer = '', message }) => {
    const { file: name, line, column } = file.locate(pathOfPointer(pointer))
    return `${name}:${line}:${column}: ${message}`
  }
}

/** Says on stderr what the admin API found doubtful in the sent file, with its place. */
export function tellWarnings(context: CommandContext, file: ConfigFile, warnings: readonly Warning[] = []): void {
  const describe = problemInFile(file)
  for (const warning of warnings) context.surroundings.err(`warning: ${describe(warning)}\n`)
}

/** The keys and indexes of a JSON Pointer (RFC 6901). */
function pathOfPointer(pointer: string): string[] {
  return pointer.split('/').slice(1).map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
}
