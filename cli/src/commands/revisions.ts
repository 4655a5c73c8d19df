import { callAdmin } from '../admin-client.ts'
import { allItems } from '../admin-lists.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { wholeNumberBetween } from '../arguments.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'

interface Options extends LocationOptions {
  readonly limit: number
  readonly json?: true
}

interface RevisionItem {
  readonly revision: number
  readonly committedAt: string
  readonly author: string
  readonly origin: string
  readonly note: string
}

/** `sluice revisions`: what was applied when, newest first. */
export const addRevisions: AddCommand = (program, context) => {
  addLocationOptions(program.command('revisions').description('list the revisions of the configuration, newest first'))
    .option('--limit <n>', 'how many', wholeNumberBetween(1, 10_000), 20)
    .action((options: Options) => listRevisions(context, options))
}

async function listRevisions(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const items = await allItems<RevisionItem>((query) => callAdmin(location, '/v1/revisions', { query }), options.limit)
  const rows = items.map(({ revision, committedAt, origin, author, note }) => [String(revision), committedAt, origin, author || '-', note])
  answer(context, options.json, { items }, () => (rows.length === 0 ? 'there is no revision yet' : table([['REVISION', 'AT', 'FROM', 'BY', 'NOTE'], ...rows])))
}
