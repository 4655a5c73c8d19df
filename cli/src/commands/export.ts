import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import type { AddCommand, CommandContext } from '../command.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

/** `sluice export`: the whole configuration as a file that `sluice apply` takes and finds nothing to change. */
export const addExport: AddCommand = (program, context) => {
  addLocationOptions(program.command('export').description('print the whole configuration, as a file that can be applied')).action((options: Options) =>
    exportConfig(context, options),
  )
}

async function exportConfig(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<object>(location, '/v1/config')
  if (options.json === true) return context.surroundings.out(`${JSON.stringify(body, undefined, 2)}\n`)
  const { stringify } = await import('yaml')
  context.surroundings.out(stringify(body, { lineWidth: 0, aliasDuplicateObjects: false }))
}
