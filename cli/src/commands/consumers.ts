import { callAdmin } from '../admin-client.ts'
import { allItems } from '../admin-lists.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

interface ConsumerItem {
  readonly name: string
  readonly groups?: readonly string[]
  readonly plan?: string
  readonly credentials?: readonly unknown[]
}

/** `sluice consumers`: who may call. */
export const addConsumers: AddCommand = (program, context) => {
  addLocationOptions(program.command('consumers').description('list the known callers')).action((options: Options) => listConsumers(context, options))
}

async function listConsumers(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const items = await allItems<ConsumerItem>((query) => callAdmin(location, '/v1/consumers', { query }))
  const rows = items.map(({ name, groups = [], plan = '-', credentials = [] }) => [name, groups.join(', ') || '-', plan, String(credentials.length)])
  answer(context, options.json, { items }, () => (rows.length === 0 ? 'there are no consumers' : table([['NAME', 'GROUPS', 'PLAN', 'CREDENTIALS'], ...rows])))
}
