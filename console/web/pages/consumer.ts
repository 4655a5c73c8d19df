/** One consumer: its credentials, what is left of its quotas, and the changes that one may make. */
import type { Consumer, Credential, Quota, Receipt } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { useAllows, useSession } from '../console-context.ts'
import { h, useState, type ComponentChildren } from '../markup.ts'
import { Dialog } from '../parts/dialog.ts'
import { Badge, Link, When } from '../parts/marks.ts'
import { Empty, Page, Section, Shown } from '../parts/page.ts'
import { sayReceipt, waitForAll } from '../parts/receipt.ts'
import { Facts, Table } from '../parts/table.ts'
import { count, percent, since } from '../parts/words.ts'
import { hrefOf } from '../place.ts'
import { ConsumerForm } from './consumers.ts'
import { NewKey } from './new-key.ts'

const addressOf = (name: string) => `/v1/consumers/${encodeURIComponent(name)}`

export function ConsumerPage({ name }: { readonly name: string }) {
  const live = useLive<Consumer>(addressOf(name), 5000)
  const mayWrite = useAllows('admin')
  const actions = [h(Link, { href: hrefOf('consumers') }, 'All consumers'), mayWrite && live.data !== undefined && h(Changes, { consumer: live.data, onDone: live.refresh })]
  return h(Page, { title: name, note: 'A consumer.', actions },
    h(Shown<Consumer>, { live, show: (consumer) => [h(About, { consumer }), h(Credentials, { consumer, onDone: live.refresh }), h(Quotas, { name })] }))
}

function About({ consumer: { groups = [], plan, owner, labels = {} } }: { readonly consumer: Consumer }) {
  return h(Facts, { facts: [['Groups', groups.join(', ') || 'none'], ['Plan', plan ?? 'none'], ...(owner === undefined ? [] : [['Owner', owner] as const]), ...Object.entries(labels).map(([label, value]) => [label, value] as const)] })
}

function Changes({ consumer, onDone }: { readonly consumer: Consumer; readonly onDone: () => void }) {
  const { client, tell } = useSession()
  const [asked, setAsked] = useState<'change' | 'delete' | undefined>(undefined)
  const close = () => setAsked(undefined)
  const remove = async () => {
    const receipt = await client.ask<Receipt>('DELETE', `${addressOf(consumer.name)}?${waitForAll}`)
    tell(`${consumer.name} is gone. ${sayReceipt(receipt)}`)
    location.hash = hrefOf('consumers')
  }
  return h('div', { class: 'actions' },
    h('button', { type: 'button', onClick: () => setAsked('change') }, 'Change'),
    h('button', { type: 'button', onClick: () => setAsked('delete') }, 'Delete'),
    asked === 'change' && h(ConsumerForm, { consumer, onClose: close, onDone }),
    asked === 'delete' && h(Dialog, { title: `Delete ${consumer.name}?`, action: 'Delete', isDangerous: true, onClose: close, onAction: remove },
      h('p', null, 'All its credentials end with it, on every edge. This cannot be taken back.')))
}

interface Shape {
  readonly kind: string
  readonly what: ComponentChildren
  /** Of an API key: those can be revoked here. */
  readonly keyId?: string
}

function shapeOf(credential: Credential): Shape {
  if ('apiKey' in credential) {
    const { id, expiresAt } = credential.apiKey as { readonly id: string; readonly expiresAt?: string }
    const isOver = expiresAt !== undefined && Date.parse(expiresAt) <= Date.now()
    const until = expiresAt === undefined ? '' : h('span', null, ' ', h(Badge, { tone: isOver ? 'bad' : 'plain' }, isOver ? 'expired ' : 'expires ', h(When, { at: expiresAt })))
    return { kind: 'API key', what: h('span', null, h('code', null, `sk_${id}_…`), until), keyId: id }
  }
  if ('basic' in credential) return { kind: 'Password', what: (credential.basic as { readonly username: string }).username }
  if ('jwtSubject' in credential) return { kind: 'Token subject', what: String(credential.jwtSubject) }
  return { kind: Object.keys(credential).join(), what: '' }
}

function Credentials({ consumer: { name, credentials = [] }, onDone }: { readonly consumer: Consumer; readonly onDone: () => void }) {
  const mayWrite = useAllows('admin')
  const revoke = { title: 'Revoke', show: ({ keyId }: Shape) => keyId !== undefined && h(Revoke, { consumer: name, keyId, onDone }) }
  const columns = [{ title: 'Kind', show: ({ kind }: Shape) => kind }, { title: 'Which', show: ({ what }: Shape) => what }, ...(mayWrite ? [revoke] : [])]
  const rows = credentials.map(shapeOf)
  return h(Section, { title: 'Credentials', actions: mayWrite && h(NewKey, { consumer: name, onDone }) },
    rows.length === 0
      ? h(Empty, { title: 'It has no credentials, so nobody can call as it.' }, mayWrite ? 'Make an API key.' : 'Somebody with the role admin can make an API key.')
      : h(Table<Shape>, { label: `Credentials of ${name}`, columns, rows, keyOf: (row) => `${row.kind} ${row.keyId ?? String(row.what)}` }))
}

function Revoke({ consumer, keyId, onDone }: { readonly consumer: string; readonly keyId: string; readonly onDone: () => void }) {
  const { client, tell } = useSession()
  const [isAsked, setIsAsked] = useState(false)
  const revoke = async () => {
    const receipt = await client.ask<Receipt>('DELETE', `${addressOf(consumer)}/credentials/${encodeURIComponent(keyId)}?${waitForAll}`)
    setIsAsked(false)
    tell(`The key ${keyId} is revoked. ${sayReceipt(receipt)}`)
    onDone()
  }
  return h('div', null,
    h('button', { type: 'button', 'aria-label': `Revoke the key ${keyId}`, onClick: () => setIsAsked(true) }, 'Revoke'),
    isAsked && h(Dialog, { title: `Revoke the key ${keyId}?`, action: 'Revoke', isDangerous: true, onClose: () => setIsAsked(false), onAction: revoke },
      h('p', null, `Every edge refuses it from then on. This cannot be taken back; ${consumer} needs another key to call.`)))
}

const quotaColumns = [
  { title: 'Quota', show: ({ name, at }: Quota) => h('span', null, name, ' ', h('span', { class: 'quiet' }, at)) },
  { title: 'Datacenter', show: ({ datacenter }: Quota) => datacenter || '–' },
  { title: 'Used', isFigure: true, show: ({ used, limit }: Quota) => `${count(used)} of ${count(limit)} (${percent(used, limit)})` },
  { title: 'Left', isFigure: true, show: ({ remaining }: Quota) => count(remaining) },
  { title: 'Whole again', show: ({ resetSeconds }: Quota) => since(Date.now() + resetSeconds * 1000) },
]

function Quotas({ name }: { readonly name: string }) {
  const live = useLive<{ readonly items: readonly Quota[] }>(`${addressOf(name)}/quotas`, 5000)
  return h(Section, { title: 'Quotas' },
    h(Shown<{ readonly items: readonly Quota[] }>, { live, show: ({ items }) => items.length === 0 ? h('p', { class: 'quiet' }, 'No quota counts this consumer.') : h(Table<Quota>, { label: `Quotas of ${name}`, columns: quotaColumns, rows: items, keyOf: ({ at, name: of, datacenter }) => `${at} ${of} ${datacenter}` }) }))
}
