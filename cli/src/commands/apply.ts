import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import type { AddCommand, CommandContext } from '../command.ts'
import { answerReceipt, secondsOfWait, waitFor, type Receipt } from '../receipt.ts'

interface Options extends LocationOptions {
  readonly overlay?: readonly string[]
  readonly wait?: boolean | string
  readonly owner?: string
  readonly force?: true
  readonly everywhere?: true
  readonly json?: true
}

/** `sluice apply`: makes a config file the configuration of the running gateway. */
export const addApply: AddCommand = (program, context) => {
  addLocationOptions(program.command('apply').description('make a config file, or a folder of them, the configuration of the gateway'), 'what to apply')
    .option('--wait [seconds]', 'wait until every edge runs it [10]')
    .option('--force', 'also when much of what is served goes')
    .option('--everywhere', 'to every edge at once, whatever the rings of the configuration')
    .option('--overlay <file...>', 'laid over it: a file, or a folder of them')
    .option('--owner <name>', 'only what this owner has: made, changed and taken away')
    .action((options: Options) => applyConfig(context, options))
}

async function applyConfig(context: CommandContext, options: Options): Promise<void> {
  const wait = waitFor(secondsOfWait(options.wait))
  const { problemInFile, readConfig, tellWarnings } = await import('../config-source.ts')
  const file = await readConfig(context, options)
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<Receipt>(location, '/v1/config', { method: 'PUT', body: file.input, describeProblem: problemInFile(file), ...wait, query: { ...wait.query, ...(options.force === true ? { force: 'true' } : {}), ...(options.everywhere === true ? { everywhere: 'true' } : {}), owner: options.owner } })
  if (options.json !== true) tellWarnings(context, file, body.warnings)
  answerReceipt(context, options.json, body)
}
