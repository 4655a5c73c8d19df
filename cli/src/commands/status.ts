import { callAdmin } from '../admin-client.ts'
import { allItems } from '../admin-lists.ts'
import { addLocationOptions, locateAdmin, type LocationOptions } from '../admin-location.ts'
import { answer, table, type AddCommand, type CommandContext } from '../command.ts'

interface Options extends LocationOptions {
  readonly json?: true
}

interface Status {
  readonly version: string
  readonly head: { readonly revision: number; readonly committedAt: string; readonly origin: string; readonly note: string } | null
  readonly edges: { readonly live: number; readonly atHead: number }
  readonly file: { readonly path: string; readonly state: string; readonly problems: readonly string[]; readonly warnings: readonly string[]; readonly needsRestart: readonly string[] } | null
  readonly rollout?: { readonly revision: number; readonly ring: number; readonly rings: number; readonly edges: readonly string[]; readonly secondsLeft?: number } | null
  readonly breakGlass?: readonly { readonly id: string; readonly summary: string; readonly madeBy: string; readonly until: string }[]
  readonly bus: string
  readonly store: string
}

interface EdgeItem {
  readonly name: string
  readonly zone: string
  readonly version: string
  readonly revision: number
  readonly workers: number
  readonly state: string
  readonly lastHeartbeat: string
  readonly breakGlass?: readonly string[]
  readonly refusal?: { readonly code: string; readonly detail: string }
}

/** `sluice status`: which revision is the head, who runs it, and what is wrong. */
export const addStatus: AddCommand = (program, context) => {
  addLocationOptions(program.command('status').description('what runs where: revision, edges, config file, bus and store')).action((options: Options) => showStatus(context, options))
}

async function showStatus(context: CommandContext, options: Options): Promise<void> {
  const location = await locateAdmin(context, options)
  const { body: status } = await callAdmin<Status>(location, '/v1/status')
  const edges = await allItems<EdgeItem>((query) => callAdmin(location, '/v1/edges', { query }))
  answer(context, options.json, { ...status, edgeItems: edges }, () => [...describeStatus(status), '', describeEdges(edges)].join('\n'))
}

function describeStatus({ version, head, rollout, edges, breakGlass = [], file, bus, store }: Status): string[] {
  const revision = head === null ? 'none yet' : `${head.revision}, from ${head.origin} at ${head.committedAt} (${head.note})`
  const tried = rollout ? [`rollout   ring ${rollout.ring} of ${rollout.rings} (${rollout.edges.join(', ')}) tries ${rollout.revision}${rollout.secondsLeft === undefined ? '' : `; ${Math.ceil(rollout.secondsLeft)} s to go`}`] : []
  const lines = [`version   ${version}`, `revision  ${revision}`, ...tried, `edges     ${edges.atHead}/${edges.live} live ones run it`, `bus       ${bus}`, `store     ${store}`, ...breakGlass.map(({ id, summary, madeBy, until }) => `BREAK-GLASS ${id}: ${summary}, by ${madeBy}, until ${until}`)]
  if (file === null) return lines
  const notes = [...file.problems, ...file.warnings.map((warning) => `warning: ${warning}`), ...file.needsRestart.map((setting) => `${setting} takes effect at the next start`)]
  return [...lines, `file      ${file.path}: ${file.state}`, ...notes.map((note) => `          ${note}`)]
}

function describeEdges(edges: readonly EdgeItem[]): string {
  if (edges.length === 0) return 'no edge has joined'
  const rows = edges.map(({ name, zone, state, revision, workers, version, lastHeartbeat }) => [name, zone || '-', state, String(revision), String(workers), version, lastHeartbeat])
  const refusals = edges.flatMap(({ name, refusal }) => (refusal === undefined ? [] : [`${name} refused a revision: ${refusal.detail} (${refusal.code})`]))
  const ordered = edges.flatMap(({ name, breakGlass = [] }) => (breakGlass.length === 0 ? [] : [`${name} obeys break-glass orders: ${breakGlass.join(', ')}`]))
  return [table([['EDGE', 'ZONE', 'STATE', 'REVISION', 'WORKERS', 'VERSION', 'LAST HEARTBEAT'], ...rows]), ...ordered, ...refusals].join('\n')
}
