/** Edges, and who runs which revision. */
import type { Edge, Page as Listed, Status } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { h } from '../markup.ts'
import { Badge, Link, When, type Tone } from '../parts/marks.ts'
import { Empty, Page, Shown } from '../parts/page.ts'
import { Table } from '../parts/table.ts'
import { hrefOf } from '../place.ts'

const tones: Readonly<Record<Edge['state'], Tone>> = { live: 'good', leaving: 'plain', missing: 'bad' }

export function Edges() {
  const edges = useLive<Listed<Edge>>('/v1/edges?limit=1000', 2000)
  const status = useLive<Status>('/v1/status', 2000)
  const head = status.data?.head?.revision
  return h(Page, { title: 'Edges', note: 'An edge is one host with its workers. It counts as live until it says goodbye or has been silent for 30 s.' },
    h(Shown<Listed<Edge>>, { live: edges, show: ({ items }) => h(EdgeTable, { edges: items, head }) }))
}

function EdgeTable({ edges, head }: { readonly edges: readonly Edge[]; readonly head: number | undefined }) {
  if (edges.length === 0) return h(Empty, { title: 'No edge has joined.' }, 'Start one: `sluice service edge`, with SLUICE_NATS_URL for the bus of this control.')
  const columns = [
    { title: 'Edge', show: ({ name }: Edge) => h('strong', null, name) },
    { title: 'State', show: ({ state }: Edge) => h(Badge, { tone: tones[state] }, state) },
    { title: 'Revision', show: (edge: Edge) => h(RevisionOf, { edge, head }) },
    { title: 'Zone', show: ({ zone, datacenter }: Edge) => [datacenter, zone].filter((text) => text !== '').join(' / ') || '–' },
    { title: 'Workers', isFigure: true, show: ({ workers }: Edge) => workers },
    { title: 'Version', show: ({ version }: Edge) => version || '–' },
    { title: 'Last heard', show: ({ lastHeartbeat }: Edge) => h(When, { at: lastHeartbeat }) },
  ]
  return h(Table<Edge>, { label: 'Edges', columns, rows: edges, keyOf: ({ name }) => name })
}

function RevisionOf({ edge: { revision, refusal }, head }: { readonly edge: Edge; readonly head: number | undefined }) {
  const isBehind = head !== undefined && revision < head
  return h('div', null,
    revision === 0 ? 'not heard yet' : h(Link, { href: hrefOf('revisions', String(revision)) }, String(revision)),
    isBehind && h('span', null, ' ', h(Badge, { tone: 'warn' }, `head is ${head}`)),
    refusal !== undefined && h('p', { class: 'trouble' }, `Refused ${refusal.revision}: ${refusal.detail || refusal.code}${refusal.pointer === '' ? '' : ` at ${refusal.pointer}`}`))
}
