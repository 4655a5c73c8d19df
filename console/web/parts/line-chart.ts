/** One line over time, as an SVG of its own: enough for a figure that is read from a table beside it. */
import { h } from '../markup.ts'

interface Point {
  readonly atMs: number
  readonly value: number
}

const width = 600
const height = 120

/** The newest point stands at the right edge, `spanMs` before it at the left one. */
export function LineChart({ points, spanMs, label }: { readonly points: readonly Point[]; readonly spanMs: number; readonly label: string }) {
  const last = points.at(-1)
  if (last === undefined) return h('figure', { class: 'chart' })
  const top = Math.max(1, ...points.map(({ value }) => value))
  const x = ({ atMs }: Point) => width - ((last.atMs - atMs) / spanMs) * width
  const y = ({ value }: Point) => height - 4 - (value / top) * (height - 8)
  const line = points.filter((point) => last.atMs - point.atMs <= spanMs).map((point) => `${x(point).toFixed(1)},${y(point).toFixed(1)}`)
  const left = line[0]?.split(',')[0] ?? width
  return h('figure', { class: 'chart' },
    h('figcaption', { class: 'quiet' }, label),
    h('svg', { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: 'none', 'aria-hidden': 'true' },
      h('polygon', { points: `${left},${height} ${line.join(' ')} ${width},${height}` }),
      h('polyline', { points: line.join(' ') })))
}
