/** Circuits: whether upstreams are sent requests, by what edges have seen or by hand. */
import type { Circuit, CircuitState, Page as Listed, Upstream } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { useAllows, useSession } from '../console-context.ts'
import { h, useState, type ComponentChildren } from '../markup.ts'
import { Dialog } from '../parts/dialog.ts'
import { Badge, Link, type Tone } from '../parts/marks.ts'
import { Empty, Failure, Page, Shown } from '../parts/page.ts'
import { Table } from '../parts/table.ts'
import { several } from '../parts/words.ts'
import { hrefOf } from '../place.ts'

/** What a person may want of a circuit. */
type Order = 'open' | 'closed' | 'automatic'

const tones: Readonly<Record<CircuitState, Tone>> = { open: 'bad', 'half-open': 'warn', closed: 'good' }

const orders: Readonly<Record<Order, { readonly button: string; readonly title: (upstream: string) => string; readonly means: string; readonly done: (upstream: string) => string }>> = {
  open: {
    button: 'Hold open',
    title: (upstream) => `Hold the circuit of ${upstream} open?`,
    means: 'Every edge stops sending requests to this upstream at once. They are answered with 503, or with its fallback, until it is held closed or left to the edges again.',
    done: (upstream) => `The circuit of ${upstream} is held open: nothing is sent.`,
  },
  closed: {
    button: 'Hold closed',
    title: (upstream) => `Hold the circuit of ${upstream} closed?`,
    means: 'Every edge sends requests to this upstream whatever comes of them: no failure opens the circuit until it is left to the edges again.',
    done: (upstream) => `The circuit of ${upstream} is held closed: everything is sent.`,
  },
  automatic: {
    button: 'Leave to edges',
    title: (upstream) => `Leave the circuit of ${upstream} to the edges?`,
    means: 'Nobody holds it any more. Where a circuit breaker is configured it opens and closes by what each edge sees; where none is, everything is sent.',
    done: (upstream) => `The circuit of ${upstream} is left to the edges.`,
  },
}

export function Circuits() {
  const circuits = useLive<Listed<Circuit>>('/v1/circuits?limit=1000', 2000)
  const upstreams = useLive<Listed<Upstream>>('/v1/upstreams?limit=1000', 10_000)
  return h(Page, { title: 'Circuits', note: 'An open circuit sends nothing to its upstream. Edges open it when too much fails; you can hold it open or closed on all of them.' },
    upstreams.failure !== undefined && h(Failure, { error: upstreams.failure }),
    h(Shown<Listed<Circuit>>, { live: circuits, show: ({ items }) => h(CircuitTable, { circuits: withOthers(items, upstreams.data?.items ?? []), isWhole: (upstreams.data?.next ?? null) === null, onDone: circuits.refresh }) }))
}

/** Any upstream can be held; the API lists those of which there is something to tell. */
export function withOthers(circuits: readonly Circuit[], upstreams: readonly Upstream[]): Circuit[] {
  const known = new Set(circuits.map(({ name }) => name))
  const others = upstreams.filter(({ name }) => !known.has(name)).map(({ name }): Circuit => ({ name, state: 'closed', held: null, edges: [] }))
  return [...circuits, ...others].sort((a, b) => urgency(b) - urgency(a) || (a.name < b.name ? -1 : 1))
}

function urgency({ state, held, edges }: Circuit): number {
  return (state === 'open' ? 8 : state === 'half-open' ? 4 : 0) + (held === null ? 0 : 2) + (edges.length > 0 ? 1 : 0)
}

interface CircuitTableProps {
  readonly circuits: readonly Circuit[]
  readonly isWhole: boolean
  readonly onDone: () => void
}

function CircuitTable({ circuits, isWhole, onDone }: CircuitTableProps) {
  if (circuits.length === 0) return h(Empty, { title: 'There are no upstreams.' }, 'Add one to the configuration and apply it: `sluice apply -c gateway.yaml`.')
  const columns = [
    { title: 'Upstream', show: ({ name }: Circuit) => h(Link, { href: hrefOf('upstreams', name) }, name) },
    { title: 'State', show: (circuit: Circuit) => h(CircuitBadge, { circuit }) },
    { title: 'On edges', show: ({ edges }: Circuit) => h(OnEdges, { edges }) },
    { title: 'By hand', show: (circuit: Circuit) => h(CircuitButtons, { circuit, onDone }) },
  ]
  return h('div', null, h(Table<Circuit>, { label: 'Circuits', columns, rows: circuits, keyOf: ({ name }) => name }),
    !isWhole && h('p', { class: 'quiet' }, 'Upstreams beyond the first thousand have their circuit on their own page.'))
}

export function CircuitBadge({ circuit: { state, held } }: { readonly circuit: Circuit }) {
  return h('span', null, h(Badge, { tone: tones[state] }, state), held !== null && h('span', null, ' ', h(Badge, { tone: 'warn' }, 'held by hand')))
}

/** What edges have found by themselves. */
export function OnEdges({ edges }: Pick<Circuit, 'edges'>): ComponentChildren {
  if (edges.length === 0) return h('span', { class: 'quiet' }, 'nothing found')
  return h('ul', { class: 'plain' }, ...edges.map(({ edge, state, workersOpen, workersHalfOpen, leftOut }) => {
    const workers = [workersOpen > 0 ? `${several(workersOpen, 'worker')} open` : '', workersHalfOpen > 0 ? `${several(workersHalfOpen, 'worker')} trying` : ''].filter((text) => text !== '')
    const told = [...workers, ...(leftOut.length === 0 ? [] : [`leaves out ${leftOut.join(', ')}`])]
    return h('li', { key: edge }, `${edge}: `, told.length === 0 ? state : told.join(', '))
  }))
}

/** Those orders that would change something; none for who may not give them. */
export function CircuitButtons({ circuit: { name, held }, onDone }: { readonly circuit: Circuit; readonly onDone: () => void }) {
  const { client, tell } = useSession()
  const mayGive = useAllows('operator')
  const [asked, setAsked] = useState<Order | undefined>(undefined)
  if (!mayGive) return h('span', { class: 'quiet' }, held === null ? 'left to the edges' : `held ${held}`)
  const give = async (order: Order) => {
    await client.ask('PUT', `/v1/circuits/${encodeURIComponent(name)}`, { body: { state: order } })
    setAsked(undefined)
    tell(orders[order].done(name))
    onDone()
  }
  const offered = (Object.keys(orders) as Order[]).filter((order) => order !== (held ?? 'automatic'))
  return h('div', { class: 'actions' },
    ...offered.map((order) => h('button', { type: 'button', key: order, 'aria-label': `${orders[order].button}: ${name}`, onClick: () => setAsked(order) }, orders[order].button)),
    asked !== undefined && h(Dialog, { title: orders[asked].title(name), action: orders[asked].button, isDangerous: asked === 'open', onClose: () => setAsked(undefined), onAction: () => give(asked) },
      h('p', null, orders[asked].means)))
}
