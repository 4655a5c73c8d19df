/** Routes: what they match, where they lead, which policies they run. */
import type { Page as Listed, PolicyEntry, Resource, Route } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { h, type ComponentChildren } from '../markup.ts'
import { Json, Link } from '../parts/marks.ts'
import { Empty, Page, Section, Shown } from '../parts/page.ts'
import { FindByName, usePages } from '../parts/pages.ts'
import { Facts, Table } from '../parts/table.ts'
import { hrefOf } from '../place.ts'

const columns = [
  { title: 'Route', show: ({ name }: Route) => h(Link, { href: hrefOf('routes', name) }, name) },
  { title: 'Matches', show: (route: Route) => h('code', null, matchOf(route)) },
  { title: 'Leads to', show: (route: Route) => h(LeadsTo, { route }) },
  { title: 'Policies', show: ({ policies = [] }: Route) => policies.map(policyName).join(', ') || '–' },
  { title: 'Owner', show: ({ owner = '–' }: Route) => owner },
]

export function Routes() {
  const { query, buttons } = usePages()
  const routes = useLive<Listed<Route>>(`/v1/routes?${query}`, 5000)
  return h(Page, { title: 'Routes', note: 'What clients may ask for, in the order of names.', actions: h(FindByName, { label: 'Name of a route', hrefOf: (name) => hrefOf('routes', name) }) },
    h(Shown<Listed<Route>>, {
      live: routes,
      show: ({ items, next }) => items.length === 0
        ? h(Empty, { title: 'There are no routes: every request is answered with 404.' }, 'Write one into the config file and apply it: `sluice apply -c gateway.yaml`.')
        : [h(Table<Route>, { label: 'Routes', columns, rows: items, keyOf: ({ name }) => name }), buttons(next)],
    }),
    h(ForEveryRoute, null))
}

function ForEveryRoute() {
  const policies = useLive<Listed<Resource>>('/v1/policies?limit=1000', 10_000)
  return h(Section, { title: 'Policies for every route' },
    h(Shown<Listed<Resource>>, { live: policies, show: ({ items }) => items.length === 0 ? h('p', { class: 'quiet' }, 'None.') : h('ul', null, ...items.map((policy) => h('li', { key: policy.name }, h('details', null, h('summary', null, policy.name), h(Json, { value: policy, label: `Settings of ${policy.name}` }))))) }))
}

export function RoutePage({ name }: { readonly name: string }) {
  const live = useLive<Route>(`/v1/routes/${encodeURIComponent(name)}`, 5000)
  return h(Page, { title: name, note: 'A route.', actions: h(Link, { href: hrefOf('routes') }, 'All routes') },
    h(Shown<Route>, { live, show: (route) => [h(AboutRoute, { route }), h(Section, { title: 'As it is configured' }, h(Json, { value: route, label: `Route ${name}` }))] }))
}

function AboutRoute({ route }: { readonly route: Route }) {
  const { policies = [], owner, labels = {} } = route
  return h(Facts, { facts: [
    ['Matches', h('code', null, matchOf(route))],
    ['Leads to', h(LeadsTo, { route })],
    ['Policies', policies.map(policyName).join(', ') || 'none of its own'],
    ...(owner === undefined ? [] : [['Owner', owner] as const]),
    ...Object.entries(labels).map(([label, value]) => [label, value] as const),
  ] })
}

function LeadsTo({ route: { upstream, split = [] } }: { readonly route: Route }): ComponentChildren {
  const ways = upstream === undefined ? split : [{ upstream, weight: 0 }]
  if (ways.length === 0) return h('span', { class: 'quiet' }, 'answered by a policy')
  const total = ways.reduce((sum, { weight }) => sum + weight, 0)
  return h('span', null, ...ways.flatMap(({ upstream: name, weight }, index) => [index === 0 ? '' : ', ', h(Link, { href: hrefOf('upstreams', name) }, name), total === 0 ? '' : ` ${Math.round((weight / total) * 100)} %`]))
}

/** The match as one would say it: methods, hosts, path; further conditions are only counted. */
export function matchOf({ match: { hosts = [], path, pathPrefix, pathRegex, methods = [], ...further } }: Route): string {
  const where = path ?? (pathPrefix === undefined ? (pathRegex === undefined ? 'any path' : `~ ${pathRegex}`) : `${pathPrefix.replace(/\/$/, '')}/…`)
  const conditions = Object.keys(further)
  return [methods.join('|'), hosts.length === 0 ? where : `${hosts.join('|')} ${where}`, conditions.length === 0 ? '' : `and ${conditions.join(', ')}`].filter((text) => text !== '').join(' ')
}

function policyName(entry: PolicyEntry): string {
  const [[type, settings] = ['', undefined]] = Object.entries(entry)
  if (settings === false) return `no ${type}`
  const { name } = (settings ?? {}) as { readonly name?: string }
  return name === undefined ? type : `${type} (${name})`
}
