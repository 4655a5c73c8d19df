/** The history, newest first. */
import type { Page as Listed, RevisionRecord } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { h } from '../markup.ts'
import { Link, When } from '../parts/marks.ts'
import { Empty, Page, Shown } from '../parts/page.ts'
import { usePages } from '../parts/pages.ts'
import { Table } from '../parts/table.ts'
import { hrefOf } from '../place.ts'

const columns = [
  { title: 'Revision', show: ({ revision }: RevisionRecord) => h(Link, { href: hrefOf('revisions', String(revision)) }, String(revision)) },
  { title: 'When', show: ({ committedAt }: RevisionRecord) => h(When, { at: committedAt }) },
  { title: 'Who', show: ({ author }: RevisionRecord) => author || '–' },
  { title: 'How', show: ({ origin }: RevisionRecord) => origin },
  { title: 'What', show: ({ note }: RevisionRecord) => note || '–' },
]

export function Revisions() {
  const { query, buttons } = usePages()
  const revisions = useLive<Listed<RevisionRecord>>(`/v1/revisions?${query}`, 3000)
  return h(Page, { title: 'Revisions', note: 'Every change of the configuration is one. Open one to see what it changed, or to go back to it.' },
    h(Shown<Listed<RevisionRecord>>, {
      live: revisions,
      show: ({ items, next }) => items.length === 0
        ? h(Empty, { title: 'There is no revision yet.' }, 'The first one comes with the first configuration: `sluice apply -c gateway.yaml`.')
        : [h(Table<RevisionRecord>, { label: 'Revisions', columns, rows: items, keyOf: ({ revision }) => String(revision) }), buttons(next)],
    }))
}
