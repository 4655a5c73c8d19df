/** Consumers: who may call. */
import type { Consumer, Page as Listed, Receipt, Resource } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { useAllows, useSession } from '../console-context.ts'
import { h, useState } from '../markup.ts'
import { Dialog, Field } from '../parts/dialog.ts'
import { Link } from '../parts/marks.ts'
import { Empty, Page, Shown } from '../parts/page.ts'
import { FindByName, usePages } from '../parts/pages.ts'
import { sayReceipt, waitForAll } from '../parts/receipt.ts'
import { Table } from '../parts/table.ts'
import { hrefOf } from '../place.ts'

const columns = [
  { title: 'Consumer', show: ({ name }: Consumer) => h(Link, { href: hrefOf('consumers', name) }, name) },
  { title: 'Groups', show: ({ groups = [] }: Consumer) => groups.join(', ') || '–' },
  { title: 'Plan', show: ({ plan = '–' }: Consumer) => plan },
  { title: 'Credentials', isFigure: true, show: ({ credentials = [] }: Consumer) => credentials.length },
  { title: 'Owner', show: ({ owner = '–' }: Consumer) => owner },
]

export function Consumers() {
  const { query, buttons } = usePages()
  const mayWrite = useAllows('admin')
  const [isAdding, setIsAdding] = useState(false)
  const consumers = useLive<Listed<Consumer>>(`/v1/consumers?${query}`, 5000)
  const find = h(FindByName, { label: 'Name of a consumer', hrefOf: (name) => hrefOf('consumers', name) })
  const add = mayWrite && h('button', { type: 'button', class: 'main', onClick: () => setIsAdding(true) }, 'Add a consumer')
  return h(Page, { title: 'Consumers', note: 'Known callers, with their groups and credentials. They are no part of revisions.', actions: [find, add] },
    h(Shown<Listed<Consumer>>, {
      live: consumers,
      show: ({ items, next }) => items.length === 0
        ? h(Empty, { title: 'There are no consumers.' }, mayWrite ? 'Add one, then give it an API key.' : 'Somebody with the role admin can add one.')
        : [h(Table<Consumer>, { label: 'Consumers', columns, rows: items, keyOf: ({ name }) => name }), buttons(next)],
    }),
    isAdding && h(ConsumerForm, { onClose: () => setIsAdding(false), onDone: (name) => (location.hash = hrefOf('consumers', name)) }))
}

interface ConsumerFormProps {
  /** The one to change; left out, a new one. */
  readonly consumer?: Consumer
  readonly onClose: () => void
  readonly onDone: (name: string) => void
}

/** Who it is, its groups and its plan. Its credentials stay as they are. */
export function ConsumerForm({ consumer, onClose, onDone }: ConsumerFormProps) {
  const { client, tell } = useSession()
  const [name, setName] = useState(consumer?.name ?? '')
  const [groups, setGroups] = useState<readonly string[]>(consumer?.groups ?? [])
  const [plan, setPlan] = useState(consumer?.plan ?? '')
  const save = async () => {
    const { owner, labels } = consumer ?? {}
    const body = { name, groups, ...(plan !== '' && { plan }), ...(owner !== undefined && { owner }), ...(labels !== undefined && { labels }) }
    const receipt = consumer === undefined
      ? await client.ask<Receipt>('POST', `/v1/consumers?${waitForAll}`, { body })
      : await client.ask<Receipt>('PUT', `/v1/consumers/${encodeURIComponent(name)}?${waitForAll}`, { body })
    onClose()
    tell(sayReceipt(receipt))
    onDone(name)
  }
  const named = h('input', { type: 'text', name: 'name', required: true, maxLength: 128, pattern: '[A-Za-z0-9][A-Za-z0-9._\\-]*', title: 'letters, digits, ".", "_" and "-"', autoFocus: true, spellcheck: false, value: name, onInput: (event) => setName(event.currentTarget.value) })
  return h(Dialog, { title: consumer === undefined ? 'Add a consumer' : `Change ${name}`, action: consumer === undefined ? 'Add' : 'Save', onClose, onAction: save },
    consumer === undefined && h(Field, { label: 'Name' }, named),
    h(GroupChoice, { chosen: groups, onChoose: setGroups }),
    h(PlanChoice, { chosen: plan, onChoose: setPlan }))
}

function GroupChoice({ chosen, onChoose }: { readonly chosen: readonly string[]; readonly onChoose: (groups: readonly string[]) => void }) {
  const groups = useLive<Listed<Resource>>('/v1/groups?limit=1000', 0)
  const names = groups.data?.items.map(({ name }) => name) ?? []
  if (groups.data !== undefined && names.length === 0) return h('p', { class: 'quiet' }, 'No groups are configured.')
  const turn = (name: string) => onChoose(chosen.includes(name) ? chosen.filter((one) => one !== name) : [...chosen, name])
  return h('fieldset', null, h('legend', null, 'Groups'),
    h(Shown<Listed<Resource>>, { live: groups, show: () => names.map((name) => h('label', { key: name, class: 'choice' }, h('input', { type: 'checkbox', checked: chosen.includes(name), onChange: () => turn(name) }), ' ', name)) }))
}

function PlanChoice({ chosen, onChoose }: { readonly chosen: string; readonly onChoose: (plan: string) => void }) {
  const plans = useLive<Listed<Resource>>('/v1/plans?limit=1000', 0)
  const names = plans.data?.items.map(({ name }) => name) ?? []
  if (names.length === 0 && chosen === '') return h('span', null)
  return h(Field, { label: 'Plan' },
    h('select', { value: chosen, onChange: (event) => onChoose(event.currentTarget.value) },
      h('option', { value: '' }, 'none'), ...[...new Set([...names, ...(chosen === '' ? [] : [chosen])])].map((name) => h('option', { key: name, value: name, selected: name === chosen }, name))))
}
