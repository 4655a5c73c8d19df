/** Upstreams, their endpoints and how those are. */
import type { Circuit, Endpoint, Page as Listed, Upstream } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { h } from '../markup.ts'
import { Badge, Json, Link, When, type Tone } from '../parts/marks.ts'
import { Empty, Page, Section, Shown } from '../parts/page.ts'
import { FindByName, usePages } from '../parts/pages.ts'
import { Table } from '../parts/table.ts'
import { several } from '../parts/words.ts'
import { hrefOf } from '../place.ts'
import { CircuitBadge, CircuitButtons, OnEdges } from './circuits.ts'

const tones: Readonly<Record<Endpoint['health'], Tone>> = { healthy: 'good', unhealthy: 'bad', draining: 'warn', unknown: 'plain' }

export function Upstreams() {
  const { query, buttons } = usePages()
  const upstreams = useLive<Listed<Upstream>>(`/v1/upstreams?${query}`, 5000)
  const endpoints = useLive<Listed<Endpoint>>('/v1/endpoints?limit=1000', 3000)
  const known = endpoints.data?.next === null ? endpoints.data.items : undefined
  return h(Page, { title: 'Upstreams', note: 'Where requests are sent. Discovery probes their endpoints as configured and hears what edges see.', actions: h(FindByName, { label: 'Name of an upstream', hrefOf: (name) => hrefOf('upstreams', name) }) },
    h(Shown<Listed<Upstream>>, {
      live: upstreams,
      show: ({ items, next }) => items.length === 0
        ? h(Empty, { title: 'There are no upstreams.' }, 'Write one into the config file and apply it: `sluice apply -c gateway.yaml`.')
        : [h(Table<Upstream>, { label: 'Upstreams', columns: columnsWith(known), rows: items, keyOf: ({ name }) => name }), buttons(next)],
    }),
    endpoints.failure !== undefined && h('p', { class: 'trouble', role: 'alert' }, `Health is not known now: ${endpoints.failure.message}`))
}

/** `endpoints`: of all upstreams; undefined while they are not known, or too many to count here. */
function columnsWith(endpoints: readonly Endpoint[] | undefined) {
  return [
    { title: 'Upstream', show: ({ name }: Upstream) => h(Link, { href: hrefOf('upstreams', name) }, name) },
    { title: 'Endpoints', show: (upstream: Upstream) => (endpoints === undefined ? '–' : h(HealthOf, { endpoints: endpoints.filter((one) => one.upstream === upstream.name) })) },
    { title: 'Found by', show: ({ discovery }: Upstream) => discovery?.source ?? 'the configuration' },
    { title: 'Balancer', show: ({ balancer = 'round-robin' }: Upstream) => balancer },
    { title: 'Protocol', show: ({ protocol = 'http1' }: Upstream) => protocol },
  ]
}

/** How many there are in each state. */
function HealthOf({ endpoints }: { readonly endpoints: readonly Endpoint[] }) {
  if (endpoints.length === 0) return h(Badge, { tone: 'bad' }, 'none')
  const states = (Object.keys(tones) as Endpoint['health'][]).map((state) => [state, endpoints.filter(({ health }) => health === state).length] as const)
  return h('span', { class: 'badges' }, ...states.filter(([, number]) => number > 0).map(([state, number]) => h(Badge, { tone: tones[state], key: state }, `${number} ${state}`)))
}

export function UpstreamPage({ name }: { readonly name: string }) {
  const upstream = useLive<Upstream>(`/v1/upstreams/${encodeURIComponent(name)}`, 5000)
  return h(Page, { title: name, note: 'An upstream.', actions: h(Link, { href: hrefOf('upstreams') }, 'All upstreams') },
    h(Shown<Upstream>, { live: upstream, show: (data) => [h(EndpointList, { name }), h(CircuitOf, { name }), h(Section, { title: 'As it is configured' }, h(Json, { value: data, label: `Upstream ${name}` }))] }))
}

const endpointColumns = [
  { title: 'Endpoint', show: ({ url }: Endpoint) => h('code', null, url) },
  { title: 'Health', show: ({ health, reason }: Endpoint) => h('span', null, h(Badge, { tone: tones[health] }, health), reason !== '' && h('span', { class: 'quiet' }, ` ${reason}`)) },
  { title: 'Since', show: ({ changedAt }: Endpoint) => (changedAt === null ? '–' : h(When, { at: changedAt })) },
  { title: 'Zone', show: ({ zone, datacenter }: Endpoint) => [datacenter, zone].filter((text) => text !== '').join(' / ') || '–' },
  { title: 'Version', show: ({ version }: Endpoint) => version || '–' },
  { title: 'Priority', isFigure: true, show: ({ priority }: Endpoint) => priority },
  { title: 'Weight', isFigure: true, show: ({ weight }: Endpoint) => weight },
]

function EndpointList({ name }: { readonly name: string }) {
  const live = useLive<Listed<Endpoint>>(`/v1/endpoints?limit=1000&upstream=${encodeURIComponent(name)}`, 2000)
  return h(Section, { title: 'Endpoints' },
    h(Shown<Listed<Endpoint>>, {
      live,
      show: ({ items, next }) => items.length === 0
        ? h(Empty, { title: 'It has no endpoints: its routes answer 503.' }, 'Add endpoints to the configuration, or have instances register.')
        : [h(Table<Endpoint>, { label: `Endpoints of ${name}`, columns: endpointColumns, rows: items, keyOf: ({ id }) => id }), next !== null && h('p', { class: 'quiet' }, `The first ${several(items.length, 'endpoint')}.`)],
    }))
}

function CircuitOf({ name }: { readonly name: string }) {
  const live = useLive<Listed<Circuit>>('/v1/circuits?limit=1000', 2000)
  return h(Section, { title: 'Circuit' },
    h(Shown<Listed<Circuit>>, {
      live,
      show: ({ items }) => {
        const circuit = items.find((one) => one.name === name) ?? { name, state: 'closed', held: null, edges: [] }
        return h('div', { class: 'actions' }, h(CircuitBadge, { circuit }), h(OnEdges, { edges: circuit.edges }), h(CircuitButtons, { circuit, onDone: live.refresh }))
      },
    }))
}
