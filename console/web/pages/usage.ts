/** What each consumer has used, for bills. */
import type { ConsumerUsage, Counted } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { h, useState } from '../markup.ts'
import { Link } from '../parts/marks.ts'
import { Empty, Page, Shown } from '../parts/page.ts'
import { hours, spanQuery, type SpanName } from '../parts/spans.ts'
import { Table } from '../parts/table.ts'
import { bytes, count, percent } from '../parts/words.ts'
import { hrefOf } from '../place.ts'

const columns = [
  { title: 'Consumer', show: ({ consumer }: ConsumerUsage) => h(Link, { href: hrefOf('consumers', consumer) }, consumer) },
  { title: 'Requests', isFigure: true, show: ({ requests }: ConsumerUsage) => count(requests) },
  { title: 'Refused', isFigure: true, show: ({ refused, requests }: ConsumerUsage) => `${count(refused)} (${percent(refused, refused + requests)})` },
  { title: 'Received', isFigure: true, show: ({ bytesIn }: ConsumerUsage) => bytes(bytesIn) },
  { title: 'Sent', isFigure: true, show: ({ bytesOut }: ConsumerUsage) => bytes(bytesOut) },
]

export function UsagePage() {
  const [span, setSpan] = useState<SpanName>('this month')
  const live = useLive<Counted<ConsumerUsage>>(`/v1/usage?${spanQuery(span)}`, 10_000)
  const choose = h('select', { 'aria-label': 'Time', value: span, onChange: (event) => setSpan(event.currentTarget.value as SpanName) }, ...Object.keys(hours).map((name) => h('option', { key: name, value: name, selected: name === span }, name)))
  return h(Page, { title: 'Usage', note: 'Requests of known callers that were admitted, each counted once. Days and months are of UTC.', actions: choose },
    h(Shown<Counted<ConsumerUsage>>, {
      live,
      show: ({ items, watermark }) => [
        items.length === 0
          ? h(Empty, { title: `No consumer has called (${span}).` }, 'Requests without a credential are counted on the page Traffic.')
          : h(Table<ConsumerUsage>, { label: 'Usage by consumer', columns, rows: [...items].sort((a, b) => b.requests - a.requests), keyOf: ({ consumer }) => consumer }),
        h('p', { class: 'quiet' }, watermark === null ? 'Nothing has been counted yet.' : `Complete up to ${new Date(watermark).toLocaleString()}.`),
      ],
    }))
}
