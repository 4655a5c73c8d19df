import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { wholeNumberBetween } from '../arguments.ts'
import type { AddCommand, CommandContext } from '../command.ts'
import { answerReceipt, secondsOfWait, waitFor, type Receipt } from '../receipt.ts'

interface Options extends LocationOptions {
  readonly wait?: boolean | string
  readonly force?: true
  readonly json?: true
}

/** `sluice rollback N`: a new revision with the content of an old one. */
export const addRollback: AddCommand = (program, context) => {
  addLocationOptions(program.command('rollback').description('make a new revision with the content of an old one'))
    .argument('<revision>', 'the one to go back to', wholeNumberBetween(1, Number.MAX_SAFE_INTEGER))
    .option('--wait [seconds]', 'wait until every edge runs it [10]')
    .option('--force', 'also when a plan goes that consumers subscribe to')
    .action((revision: number, options: Options) => rollBack(context, revision, options))
}

async function rollBack(context: CommandContext, revision: number, options: Options): Promise<void> {
  const wait = waitFor(secondsOfWait(options.wait))
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<Receipt>(location, `/v1/revisions/${revision}/rollback`, { method: 'POST', ...wait, query: { ...wait.query, force: options.force && 'true' } })
  answerReceipt(context, options.json, body)
}
