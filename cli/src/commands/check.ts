import { answer, exitCodes, type AddCommand, type CommandContext } from '../command.ts'

interface Options {
  readonly config?: string
  readonly overlay?: readonly string[]
  readonly json?: true
}

/** `sluice check`: every problem of a config file at once, each with its place. Needs no running gateway. */
export const addCheck: AddCommand = (program, context) => {
  program
    .command('check')
    .description('check a config file, or a folder of them; tells every problem at once')
    .option('-c, --config <file>', 'what to check [./gateway.yaml]')
    .option('--overlay <file...>', 'laid over it: a file, or a folder of them')
    .option('--json', 'answer in JSON')
    .action((options: Options) => checkConfig(context, options))
}

async function checkConfig(context: CommandContext, options: Options): Promise<void> {
  const [{ checkConfigFile }, { configPath }] = await Promise.all([import('@sluice/control/validation'), import('../config-source.ts')])
  const path = configPath(context, options.config)
  const found = await checkConfigFile(path, { environment: context.surroundings.environment }, (options.overlay ?? []).map((one) => configPath(context, one)))
  // What an alias repeats is one problem, in one place.
  const [problems, warnings] = [[...new Set(found.problems)], [...new Set(found.warnings)]]
  if (problems.length > 0) context.finish(exitCodes.problems)
  if (options.json === true) return answer(context, true, { valid: problems.length === 0, problems, warnings }, () => '')
  for (const problem of problems) context.surroundings.err(`${problem}\n`)
  for (const warning of warnings) context.surroundings.err(`warning: ${warning}\n`)
  if (problems.length === 0) context.surroundings.out(`${path} is valid${warnings.length === 0 ? '' : `, with ${counted(warnings.length, 'warning')}`}\n`)
  else context.surroundings.err(`${path} has ${counted(problems.length, 'problem')}\n`)
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`
}
