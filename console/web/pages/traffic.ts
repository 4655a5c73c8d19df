/** What goes through now, and what went through in a span of time, by route. */
import type { Counted, RouteUsage } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { h, useEffect, useState } from '../markup.ts'
import { LineChart } from '../parts/line-chart.ts'
import { Link } from '../parts/marks.ts'
import { Empty, Failure, Page, Section, Shown } from '../parts/page.ts'
import { history, type Look, type Rate, ratesNow, sumOf, withLook } from '../parts/rates.ts'
import { hours, spanQuery, spanSince, type SpanName } from '../parts/spans.ts'
import { Facts, Table } from '../parts/table.ts'
import { bytes, count, milliseconds, percent, perSecond } from '../parts/words.ts'
import { hrefOf } from '../place.ts'

const maxRoutes = 1000
const shownMs = 120_000

export function Traffic() {
  return h(Page, { title: 'Traffic', note: 'Requests that a route took, on all edges, as analytics counts them: a second or two behind.' }, h(Now, null), h(OverTime, null))
}

function Now() {
  const [beganMs] = useState(() => Date.now())
  const live = useLive<Counted<RouteUsage>>(`/v1/analytics/routes?${spanSince(beganMs)}&limit=${maxRoutes}`, 2000)
  const [looks, setLooks] = useState<readonly Look[]>([])
  const { data } = live
  useEffect(() => {
    if (data !== undefined) setLooks((before) => withLook(before, data.items, performance.now()))
  }, [data])
  if (data === undefined) return h(Section, { title: 'Now' }, h(Shown<Counted<RouteUsage>>, { live, show: () => '' }))
  const rates = [...ratesNow(looks)].filter(([, { requests }]) => requests > 0).sort(([, a], [, b]) => b.requests - a.requests)
  const points = history(looks).map(({ atMs, requests }) => ({ atMs, value: requests }))
  return h(Section, { title: 'Now' },
    live.failure !== undefined && h(Failure, { error: live.failure }),
    h(Totals, { rates: rates.map(([, rate]) => rate), isKnown: looks.length > 1 }),
    h(LineChart, { points, spanMs: shownMs, label: `Requests a second over the last two minutes, at most ${perSecond(Math.max(0, ...points.map(({ value }) => value)))}` }),
    rates.length === 0 ? h('p', { class: 'quiet' }, looks.length > 1 ? 'No requests in the last ten seconds.' : 'Counting …') : h(Table<RouteRate>, { label: 'Requests now, by route', columns: rateColumns, rows: rates, keyOf: ([route]) => route }))
}

type RouteRate = readonly [route: string, rate: Rate]

const rateColumns = [
  { title: 'Route', show: ([route]: RouteRate) => h(RouteName, { route }) },
  { title: 'Requests / s', isFigure: true, show: ([, { requests }]: RouteRate) => perSecond(requests) },
  { title: '4xx', isFigure: true, show: ([, { requests, clientErrors }]: RouteRate) => percent(clientErrors, requests) },
  { title: '5xx', isFigure: true, show: ([, { requests, serverErrors }]: RouteRate) => percent(serverErrors, requests) },
]

function Totals({ rates, isKnown }: { readonly rates: readonly Rate[]; readonly isKnown: boolean }) {
  const { requests, clientErrors, serverErrors } = sumOf(rates)
  const told = (text: string) => h('span', { class: 'figure-large' }, isKnown ? text : '…')
  return h(Facts, { facts: [['Requests a second', told(perSecond(requests))], ['Refused or not found (4xx)', told(percent(clientErrors, requests))], ['Failed (5xx)', told(percent(serverErrors, requests))]] })
}

const columns = [
  { title: 'Route', show: ({ route }: RouteUsage) => h(RouteName, { route }) },
  { title: 'Requests', isFigure: true, show: ({ requests }: RouteUsage) => count(requests) },
  { title: '4xx', isFigure: true, show: ({ clientErrors, requests }: RouteUsage) => percent(clientErrors, requests) },
  { title: '5xx', isFigure: true, show: ({ serverErrors, requests }: RouteUsage) => percent(serverErrors, requests) },
  { title: 'p50', isFigure: true, show: ({ p50Ms }: RouteUsage) => milliseconds(p50Ms) },
  { title: 'p95', isFigure: true, show: ({ p95Ms }: RouteUsage) => milliseconds(p95Ms) },
  { title: 'p99', isFigure: true, show: ({ p99Ms }: RouteUsage) => milliseconds(p99Ms) },
  { title: 'Sent', isFigure: true, show: ({ bytesOut }: RouteUsage) => bytes(bytesOut) },
]

function OverTime() {
  const [span, setSpan] = useState<SpanName>('today')
  const live = useLive<Counted<RouteUsage>>(`/v1/analytics/routes?${spanQuery(span)}&limit=${maxRoutes}`, 10_000)
  const choose = h('select', { 'aria-label': 'Time', value: span, onChange: (event) => setSpan(event.currentTarget.value as SpanName) }, ...Object.keys(hours).map((name) => h('option', { key: name, value: name, selected: name === span }, name)))
  return h(Section, { title: 'Over time', actions: choose },
    h(Shown<Counted<RouteUsage>>, {
      live,
      show: ({ items }) => items.length === 0
        ? h(Empty, { title: `No requests (${span}).` }, 'Send one to a route of the gateway and look again.')
        : [h(Table<RouteUsage>, { label: 'Requests over time, by route', columns, rows: items, keyOf: ({ route }) => route }), items.length === maxRoutes && h('p', { class: 'quiet' }, `The ${count(maxRoutes)} routes with most requests.`)],
    }))
}

function RouteName({ route }: { readonly route: string }) {
  return route === '' ? h('span', { class: 'quiet' }, 'no route matched') : h(Link, { href: hrefOf('routes', route) }, route)
}
