import { type Command } from 'commander'
import { callAdmin } from '../admin-client.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { parseDuration } from '../arguments.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'
import { Failure } from '../failure.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

interface OrderOptions extends Options {
  readonly for?: number
  readonly note?: string
  readonly force?: true
}

interface Order {
  readonly id: string
  readonly summary: string
  readonly madeBy: string
  readonly until: string
  readonly note: string
  readonly state: string
  readonly endedBy?: string
  readonly edges: readonly string[]
  readonly receipt?: { readonly edges: { readonly acknowledged: number; readonly expected: number; readonly missing: readonly string[] } }
}

/** `sluice break-glass …`: what can be done to the edges while the configuration cannot be changed. */
export const addBreakGlass: AddCommand = (program, context) => {
  const command = program.command('break-glass').description('orders to the edges of a datacenter while the store takes no changes')
  const make = (options: OrderOptions, order: object) => makeOrder(context, options, order)
  addOrdering(command.command('drain <upstream> [endpoint]').description('send nothing new to an endpoint, or to a whole upstream')).action((upstream: string, endpoint: string | undefined, options: OrderOptions) => make(options, { action: 'drain', upstream, endpoint }))
  addOrdering(command.command('weight <upstream> <endpoint> <weight>').description('give an endpoint another weight')).action((upstream: string, endpoint: string, weight: string, options: OrderOptions) => make(options, { action: 'weight', upstream, endpoint, weight: Number(weight) }))
  addOrdering(command.command('disable-route <route>').description('answer 503 on a route')).action((route: string, options: OrderOptions) => make(options, { action: 'disable-route', route }))
  addOrdering(command.command('block-address <address>').description('let nobody in from an address or range, on any route')).action((address: string, options: OrderOptions) => make(options, { action: 'block-address', address }))
  addOrdering(command.command('block-consumer <consumer>').description('let a consumer in nowhere')).action((consumer: string, options: OrderOptions) => make(options, { action: 'block-consumer', consumer }))
  addOrdering(command.command('block-credential <id>').description('let nobody in by an API key or another credential')).action((credential: string, options: OrderOptions) => make(options, { action: 'block-credential', credential }))
  addLocationOptions(command.command('list').description('list the orders')).action((options: Options) => listOrders(context, options))
  addLocationOptions(command.command('end <id>').description('end an order before its time')).action((id: string, options: Options) => endOrder(context, id, options))
}

function addOrdering(command: Command): Command {
  return addLocationOptions(command)
    .option('--for <duration>', 'how long it stands: 15m, 1h, 24h at most [1h]', parseDuration)
    .option('--note <text>', 'why, for whoever reads it later')
    .option('--force', 'also while the store takes changes')
}

async function makeOrder(context: CommandContext, { for: forSeconds, note, force, ...options }: OrderOptions, order: object): Promise<void> {
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<Order>(location, '/v1/break-glass', { method: 'POST', query: { wait: 'all', force: force && 'true' }, body: { order, forSeconds, note } })
  const { acknowledged, expected, missing } = body.receipt!.edges
  if (missing.length > 0) throw new Failure(`order ${body.id} stands (${body.summary}), but these edges have not confirmed it yet: ${missing.join(', ')}`)
  answer(context, options.json, body, ({ id, summary, until }) => `order ${id}: ${summary}, until ${until}; ${acknowledged} of ${expected} edges obey it`)
}

async function listOrders(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<{ items: Order[] }>(location, '/v1/break-glass')
  const rows = body.items.map(({ id, summary, state, madeBy, until, edges, endedBy, note }) => [id, summary, endedBy === undefined ? state : `ended by ${endedBy}`, madeBy, until, String(edges.length), note || '-'])
  answer(context, options.json, body, () => (rows.length === 0 ? 'there are no break-glass orders' : table([['ID', 'ORDER', 'STATE', 'BY', 'UNTIL', 'EDGES', 'NOTE'], ...rows])))
}

async function endOrder(context: CommandContext, id: string, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<Order>(location, `/v1/break-glass/${encodeURIComponent(id)}`, { method: 'DELETE', query: { wait: 'all' } })
  const { missing } = body.receipt!.edges
  if (missing.length > 0) throw new Failure(`order ${id} is ended, but these edges have not confirmed it yet: ${missing.join(', ')}`)
  answer(context, options.json, body, ({ summary }) => `ended: ${summary}`)
}
