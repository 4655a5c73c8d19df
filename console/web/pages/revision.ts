/** One revision: what it changed, what it holds, and the way back to it. */
import type { Differences, Page as Listed, Receipt, RevisionRecord, Status } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { useAllows, useSession } from '../console-context.ts'
import { h, useState } from '../markup.ts'
import { Dialog, Field } from '../parts/dialog.ts'
import { Badge, Json, When, type Tone } from '../parts/marks.ts'
import { Empty, Page, Section, Shown } from '../parts/page.ts'
import { sayReceipt, waitForAll } from '../parts/receipt.ts'
import { Facts } from '../parts/table.ts'
import { inLine, several } from '../parts/words.ts'
import { hrefOf } from '../place.ts'

type Difference = Differences['differences'][number]

const tones: Readonly<Record<Difference['change'], Tone>> = { added: 'good', removed: 'bad', changed: 'plain' }

export function RevisionPage({ revision }: { readonly revision: string }) {
  const records = useLive<Listed<RevisionRecord>>(`/v1/revisions?limit=1&cursor=${Number(revision) + 1}`, 0)
  const status = useLive<Status>('/v1/status', 3000)
  const head = status.data?.head?.revision
  const isOlder = head !== undefined && Number(revision) < head
  return h(Page, { title: `Revision ${revision}`, ...(head === undefined ? {} : { note: isOlder ? `The head is ${head}.` : 'This is the head.' }), actions: isOlder && h(RollBack, { revision: Number(revision), head }) },
    h(Shown<Listed<RevisionRecord>>, {
      live: records,
      show: ({ items: [record] }) => record?.revision !== Number(revision)
        ? h(Empty, { title: `There is no revision ${revision}.` }, 'Choose one from the list.')
        : [h(About, { record }), h(Changes, { revision: record.revision }), h(Section, { title: 'The whole configuration' }, h(Whole, { revision: record.revision }))],
    }))
}

function About({ record: { committedAt, author, origin, note, digest } }: { readonly record: RevisionRecord }) {
  return h(Facts, { facts: [['Made', h(When, { at: committedAt })], ['By', author || '–'], ['How', origin], ['What', note || '–'], ['Digest', h('code', null, digest.slice(0, 16))]] })
}

/** It may be tens of megabytes: fetched when somebody wants to see it. */
function Whole({ revision }: { readonly revision: number }) {
  const [isWanted, setIsWanted] = useState(false)
  return isWanted ? h(Fetched, { revision }) : h('button', { type: 'button', onClick: () => setIsWanted(true) }, 'Show it')
}

function Fetched({ revision }: { readonly revision: number }) {
  const live = useLive<{ readonly config: unknown }>(`/v1/revisions/${revision}`, 0)
  return h(Shown<{ readonly config: unknown }>, { live, show: ({ config }) => h(Json, { value: config, label: `Configuration of revision ${revision}` }) })
}

/** Against the one before, or another one. */
function Changes({ revision }: { readonly revision: number }) {
  const [from, setFrom] = useState(revision - 1)
  const live = useLive<Differences>(`/v1/revisions/${revision}/diff?from=${from}`, 0)
  const choose = h(Field, { label: 'compared with revision' },
    h('input', { type: 'number', min: 0, value: from, onChange: (event) => setFrom(Math.max(0, Math.trunc(Number(event.currentTarget.value)) || 0)) }))
  return h(Section, { title: 'What changed', actions: choose },
    h(Shown<Differences>, { live, show: ({ differences }) => (differences.length === 0 ? h(Empty, { title: `Nothing differs from revision ${from}.` }) : h(DifferenceList, { differences })) }))
}

/** So many as somebody reads; the rest is counted. */
const maxShown = 500

function DifferenceList({ differences }: Pick<Differences, 'differences'>) {
  const left = differences.length - maxShown
  return h('div', null,
    h('ul', { class: 'differences' }, ...differences.slice(0, maxShown).map((difference) => h(OneChange, { difference, key: difference.resource }))),
    left > 0 && h('p', { class: 'quiet' }, `and ${several(left, 'more difference')}`))
}

function OneChange({ difference: { resource, change, settings = [] } }: { readonly difference: Difference }) {
  return h('li', null, h(Badge, { tone: tones[change] }, change), ' ', h('strong', null, resource),
    settings.length > 0 && h('ul', null, ...settings.map(({ pointer, before, after }) =>
      h('li', { key: pointer }, h('code', null, pointer || '/'), ': ', h('del', null, inLine(before)), ' → ', h('ins', null, inLine(after))))))
}

function RollBack({ revision, head }: { readonly revision: number; readonly head: number }) {
  const { client, tell } = useSession()
  const mayGoBack = useAllows('operator')
  const [isAsked, setIsAsked] = useState(false)
  if (!mayGoBack) return h('span', { class: 'quiet' }, 'Going back needs the role operator.')
  const goBack = async () => {
    const receipt = await client.ask<Receipt>('POST', `/v1/revisions/${revision}/rollback?${waitForAll}`)
    setIsAsked(false)
    tell(sayReceipt(receipt))
    location.hash = hrefOf('revisions', String(receipt.revision ?? ''))
  }
  return h('div', null,
    h('button', { type: 'button', onClick: () => setIsAsked(true) }, 'Go back to this'),
    isAsked && h(Dialog, { title: `Go back to revision ${revision}?`, action: 'Go back', isDangerous: true, onClose: () => setIsAsked(false), onAction: goBack },
      h('p', null, `A new revision takes the place of ${head}, with what revision ${revision} holds. Consumers and their credentials stay as they are.`),
      h(Coming, { head, revision })))
}

/** What going back would change: the differences from the head to the older one. */
function Coming({ head, revision }: { readonly head: number; readonly revision: number }) {
  const live = useLive<Differences>(`/v1/revisions/${revision}/diff?from=${head}`, 0)
  return h(Shown<Differences>, { live, show: ({ differences }) => (differences.length === 0 ? h('p', null, 'Nothing would change.') : h('div', { class: 'scrolls', tabIndex: 0, role: 'region', 'aria-label': 'What would change' }, h(DifferenceList, { differences }))) })
}
