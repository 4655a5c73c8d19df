import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { answer, exitCodes, type AddCommand, type CommandContext } from '../command.ts'
import { describeDifferences, type Difference } from '../differences.ts'
import type { Warning } from '../receipt.ts'

interface Options extends LocationOptions {
  readonly overlay?: readonly string[]
  readonly owner?: string
  readonly json?: true
}

interface DryRun {
  readonly differences: readonly Difference[]
  readonly warnings?: readonly Warning[]
}

/** `sluice diff`: what `apply` would change. Exit code 2 when that is anything. */
export const addDiff: AddCommand = (program, context) => {
  addLocationOptions(program.command('diff').description('tell what apply would change; exit code 2 when that is anything'), 'what to compare with the running configuration')
    .option('--overlay <file...>', 'laid over it: a file, or a folder of them')
    .option('--owner <name>', 'only what this owner has')
    .action((options: Options) => diffConfig(context, options))
}

async function diffConfig(context: CommandContext, options: Options): Promise<void> {
  const { problemInFile, readConfig, tellWarnings } = await import('../config-source.ts')
  const file = await readConfig(context, options)
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<DryRun>(location, '/v1/config', {
    method: 'PUT',
    query: { dryRun: 'true', owner: options.owner },
    body: file.input,
    describeProblem: problemInFile(file),
  })
  if (options.json !== true) tellWarnings(context, file, body.warnings)
  answer(context, options.json, body, ({ differences }) => (differences.length === 0 ? 'no differences' : describeDifferences(differences)))
  context.finish(body.differences.length === 0 ? exitCodes.fine : exitCodes.differences)
}
