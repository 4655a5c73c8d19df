import { callAdmin } from '../admin-client.ts'
import { allItems } from '../admin-lists.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

interface Circuit {
  readonly name: string
  readonly state: string
  readonly held: string | null
  readonly edges: readonly { readonly edge: string; readonly state: string; readonly leftOut: readonly string[] }[]
}

/** What the admin API is told, and what that means. */
const orders = {
  open: 'held open: nothing is sent to it, on any edge',
  closed: 'held closed: everything is sent to it, whatever comes of that',
  automatic: 'automatic: the edges decide',
} as const

/** `sluice circuits list | open | close | automatic`: which upstreams are left alone, and the hand on that. */
export const addCircuits: AddCommand = (program, context) => {
  const circuits = program.command('circuits').description('which upstreams the edges leave alone')
  const add = (command: string, description: string, state: keyof typeof orders) =>
    addLocationOptions(circuits.command(`${command} <upstream>`).description(description)).action((upstream: string, options: Options) => hold(context, upstream, state, options))
  addLocationOptions(circuits.command('list').description('list circuits, and endpoints that edges leave out')).action((options: Options) => listCircuits(context, options))
  add('open', 'send nothing to an upstream, until told otherwise', 'open')
  add('close', 'send to an upstream whatever it answers, until told otherwise', 'closed')
  add('automatic', 'let the edges decide again', 'automatic')
}

async function listCircuits(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const items = await allItems<Circuit>((query) => callAdmin(location, '/v1/circuits', { query }))
  const rows = items.map(({ name, state, held, edges }) => [name, state, held === null ? 'no' : 'yes', listed(edges.filter((one) => one.state !== 'closed').map((one) => `${one.edge} (${one.state})`)), listed([...new Set(edges.flatMap(({ leftOut }) => leftOut))])])
  answer(context, options.json, { items }, () => (rows.length === 0 ? 'no upstream has a circuit breaker, is held, or has endpoints that are left out' : table([['UPSTREAM', 'CIRCUIT', 'HELD', 'NOT CLOSED ON', 'ENDPOINTS LEFT OUT'], ...rows])))
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? '-' : names.join(', ')
}

async function hold(context: CommandContext, upstream: string, state: keyof typeof orders, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const { body } = await callAdmin<{ name: string; held: string | null }>(location, `/v1/circuits/${encodeURIComponent(upstream)}`, { method: 'PUT', body: { state } })
  answer(context, options.json, body, () => `the circuit of ${upstream} is ${orders[state]}`)
}
