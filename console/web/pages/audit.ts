/** Who changed what, and what came of it. */
import type { AuditEntry, Page as Listed } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { h } from '../markup.ts'
import { When } from '../parts/marks.ts'
import { Empty, Page, Shown } from '../parts/page.ts'
import { usePages } from '../parts/pages.ts'
import { Table } from '../parts/table.ts'

const columns = [
  { title: 'When', show: ({ at }: AuditEntry) => h(When, { at }) },
  { title: 'Who', show: ({ actor }: AuditEntry) => actor || '–' },
  { title: 'What', show: ({ action }: AuditEntry) => h('code', null, action) },
  { title: 'Outcome', show: ({ outcome }: AuditEntry) => outcome },
]

export function Audit() {
  const { query, buttons } = usePages()
  const live = useLive<Listed<AuditEntry>>(`/v1/audit?${query}`, 5000)
  return h(Page, { title: 'Audit log', note: 'Every write that was let in, and what was denied its role; newest first.' },
    h(Shown<Listed<AuditEntry>>, {
      live,
      show: ({ items, next }) => items.length === 0 ? h(Empty, { title: 'Nobody has changed anything yet.' }) : [h(Table<AuditEntry>, { label: 'Audit log', columns, rows: items, keyOf: ({ at, actor, action }, index) => `${at} ${actor} ${action} ${index}` }), buttons(next)],
    }))
}
