/** A table; on a narrow screen its rows become cards, with the heading of its column before each value. */
import { h, type ComponentChildren } from '../markup.ts'

export interface Column<T> {
  readonly title: string
  readonly show: (row: T) => ComponentChildren
  /** Figures stand to the right. */
  readonly isFigure?: boolean
}

interface TableProps<T> {
  /** What it lists, for who does not see it. */
  readonly label: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly keyOf: (row: T, index: number) => string
}

/** Roles are said, since browsers forget those of a table that is shown as blocks. */
export function Table<T>({ label, columns, rows, keyOf }: TableProps<T>) {
  const kind = ({ isFigure = false }: Column<T>) => (isFigure ? 'figure' : undefined)
  return h('table', { role: 'table', 'aria-label': label },
    h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, ...columns.map((column) => h('th', { role: 'columnheader', scope: 'col', class: kind(column) }, column.title)))),
    h('tbody', { role: 'rowgroup' }, ...rows.map((row, index) =>
      h('tr', { role: 'row', key: keyOf(row, index) }, ...columns.map((column) => h('td', { role: 'cell', class: kind(column), 'data-title': column.title }, h('div', null, column.show(row))))))))
}

/** Names with their values. */
export function Facts({ facts }: { readonly facts: readonly (readonly [name: string, value: ComponentChildren])[] }) {
  return h('dl', { class: 'facts' }, ...facts.map(([name, value]) => h('div', null, h('dt', null, name), h('dd', null, value))))
}
