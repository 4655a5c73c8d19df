/** What stands around every page: where one can go, how the gateway stands, who is signed in. */
import type { Status } from './api/answers.ts'
import { useLive } from './api/use-live.ts'
import { useSession } from './console-context.ts'
import { h, useEffect, type VNode } from './markup.ts'
import { Audit } from './pages/audit.ts'
import { BreakGlass } from './pages/break-glass.ts'
import { Circuits } from './pages/circuits.ts'
import { ConsumerPage } from './pages/consumer.ts'
import { Consumers } from './pages/consumers.ts'
import { Edges } from './pages/edges.ts'
import { RevisionPage } from './pages/revision.ts'
import { Revisions } from './pages/revisions.ts'
import { RoutePage, Routes } from './pages/routes.ts'
import { Traffic } from './pages/traffic.ts'
import { UpstreamPage, Upstreams } from './pages/upstreams.ts'
import { UsagePage } from './pages/usage.ts'
import { Empty, Page } from './parts/page.ts'
import { several } from './parts/words.ts'
import { hrefOf, usePlace } from './place.ts'

interface Destination {
  readonly page: string
  readonly title: string
  readonly show: () => VNode
  /** One thing of those that the page lists. */
  readonly showOne?: (name: string) => VNode
}

const destinations: readonly Destination[] = [
  { page: 'traffic', title: 'Traffic', show: () => h(Traffic, null) },
  { page: 'routes', title: 'Routes', show: () => h(Routes, null), showOne: (name) => h(RoutePage, { name, key: name }) },
  { page: 'upstreams', title: 'Upstreams', show: () => h(Upstreams, null), showOne: (name) => h(UpstreamPage, { name, key: name }) },
  { page: 'circuits', title: 'Circuits', show: () => h(Circuits, null) },
  { page: 'consumers', title: 'Consumers', show: () => h(Consumers, null), showOne: (name) => h(ConsumerPage, { name, key: name }) },
  { page: 'edges', title: 'Edges', show: () => h(Edges, null) },
  { page: 'revisions', title: 'Revisions', show: () => h(Revisions, null), showOne: (name) => h(RevisionPage, { revision: name, key: name }) },
  { page: 'usage', title: 'Usage', show: () => h(UsagePage, null) },
  { page: 'break-glass', title: 'Break glass', show: () => h(BreakGlass, null) },
  { page: 'audit', title: 'Audit log', show: () => h(Audit, null) },
]

export function Shell({ onSignOut }: { readonly onSignOut: () => void }) {
  const { name, role } = useSession()
  const place = usePlace()
  const current = place.page === '' ? destinations[0]! : destinations.find(({ page }) => page === place.page)
  // On a phone the pages stand in a row that is wider than the window.
  useEffect(() => document.querySelector('aside [aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' }), [current])
  return h('div', { class: 'shell' },
    h('a', { class: 'skip', href: '#main', onClick: skip }, 'Skip to the page'),
    h('aside', null,
      h('div', { class: 'brand' }, 'Sluice'),
      h('nav', { 'aria-label': 'Pages of the console' }, h('ul', null, ...destinations.map((one) =>
        h('li', { key: one.page }, h('a', { href: hrefOf(one.page), 'aria-current': one === current ? 'page' : undefined }, one.title))))),
      h('div', { class: 'who' },
        h('span', null, `${name} (${role})`),
        h('button', { type: 'button', onClick: onSignOut }, 'Sign out'))),
    h('div', { class: 'inside' }, h(Standing, null), current === undefined ? h(Nowhere, null) : pageAt(current, place.name)))
}

function pageAt({ page, show, showOne }: Destination, name: string): VNode {
  return h('div', { key: page }, name === '' || showOne === undefined ? show() : showOne(name))
}

function Nowhere() {
  return h(Page, { title: 'No such page' }, h(Empty, { title: 'There is nothing at this address.' }, 'Choose a page on the left.'))
}

/** The address is about pages of the console, so the browser's own jump would lead away. */
function skip(event: Event): void {
  event.preventDefault()
  document.querySelector<HTMLElement>('main h1')?.focus()
}

/** One line on the whole gateway, and whatever is wrong with it. */
function Standing() {
  const { data: status, failure } = useLive<Status>('/v1/status', 5000)
  if (status === undefined) return h('div', { class: 'standing' }, failure === undefined ? '' : failure.message)
  const { head, edges, version } = status
  const revision = head === null ? 'no revision yet' : `revision ${head.revision}`
  return h('div', { class: 'standing' },
    h('p', null,
      h('a', { href: hrefOf('revisions', head === null ? '' : String(head.revision)) }, revision), ' · ',
      h('a', { href: hrefOf('edges') }, `on ${edges.atHead} of ${several(edges.live, 'live edge')}`), ` · version ${version}`),
    ...troublesOf(status, failure?.message).map((trouble) => h('p', { class: 'trouble', role: 'alert', key: trouble }, trouble)))
}

/** What somebody should know of, a sentence each. */
export function troublesOf({ bus, store, file, rollout, secretStores, edges, breakGlass }: Status, failure: string | undefined): string[] {
  const storesThatAre = (wanted: string) => Object.entries(secretStores).filter(([, state]) => state === wanted).map(([kind]) => kind)
  const [away, ending] = [storesThatAre('away'), storesThatAre('token-ending')]
  return [
    ...(failure === undefined ? [] : [`What is shown may be old: ${failure}`]),
    ...(bus === 'connected' ? [] : ['The bus cannot be reached: edges serve what they have, changes wait.']),
    ...(store === 'reached' ? [] : ['The config store cannot be reached: nothing can be changed until it is back.']),
    ...(away.length === 0 ? [] : [`Stores of secrets that cannot be asked: ${away.join(', ')}. Values from before stay.`]),
    ...(ending.length === 0 ? [] : [`The token that ${ending.join(', ')} is asked with runs out and is not renewed.`]),
    ...breakGlass.map(({ summary, madeBy, until }) => `Break-glass order of ${madeBy} until ${new Date(until).toLocaleString()}: ${summary}.`),
    ...(edges.missing === 0 ? [] : [`${several(edges.missing, 'edge')} not heard for 30 s.`]),
    ...(rollout === null ? [] : [`Revision ${rollout.revision} is tried on ${rollout.edges.join(', ')} (ring ${rollout.ring} of ${rollout.rings}).`]),
    ...(file === null ? [] : [...file.problems, ...file.needsRestart.map((setting) => `${setting} takes effect at the next start.`)]),
  ]
}
