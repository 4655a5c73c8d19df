/** Break-glass orders: what lies over the configuration for a while, since the store took no changes. */
import type { BreakGlassOrder } from '../api/answers.ts'
import { useLive } from '../api/use-live.ts'
import { useAllows, useSession } from '../console-context.ts'
import { h, useState } from '../markup.ts'
import { Dialog } from '../parts/dialog.ts'
import { Badge, When } from '../parts/marks.ts'
import { Empty, Page, Shown } from '../parts/page.ts'
import { sayReceipt, waitForAll } from '../parts/receipt.ts'
import { Table } from '../parts/table.ts'

interface Listed {
  readonly items: readonly BreakGlassOrder[]
}

export function BreakGlass() {
  const live = useLive<Listed>('/v1/break-glass', 3000)
  return h(Page, { title: 'Break glass', note: 'Orders to the edges from a time when the store took no changes. They end by themselves, by a revision that says the same, or by hand.' },
    h(Shown<Listed>, {
      live,
      show: ({ items }) => items.length === 0
        ? h(Empty, { title: 'There are no orders.' }, 'While the store takes no changes one is made with `sluice break-glass`; otherwise change the configuration.')
        : h(OrderTable, { orders: items, onDone: live.refresh }),
    }))
}

function OrderTable({ orders, onDone }: { readonly orders: readonly BreakGlassOrder[]; readonly onDone: () => void }) {
  const mayEnd = useAllows('operator')
  const byHand = { title: 'By hand', show: (order: BreakGlassOrder) => order.state === 'in force' && h(End, { order, onDone }) }
  const columns = [
    { title: 'Order', show: ({ summary, note }: BreakGlassOrder) => h('span', null, h('strong', null, summary), note !== '' && h('span', { class: 'quiet' }, ` ${note}`)) },
    { title: 'State', show: ({ state, endedBy }: BreakGlassOrder) => h('span', null, h(Badge, { tone: state === 'in force' ? 'warn' : 'plain' }, state), endedBy !== undefined && ` by ${endedBy}`) },
    { title: 'Made', show: ({ madeAt, madeBy }: BreakGlassOrder) => h('span', null, h(When, { at: madeAt }), ` by ${madeBy}`) },
    { title: 'Ends', show: ({ until, state }: BreakGlassOrder) => (state === 'in force' ? h(When, { at: until }) : '–') },
    { title: 'Obeyed by', show: ({ edges }: BreakGlassOrder) => edges.join(', ') || '–' },
    ...(mayEnd ? [byHand] : []),
  ]
  return h(Table<BreakGlassOrder>, { label: 'Break-glass orders', columns, rows: orders, keyOf: ({ id }) => id })
}

function End({ order: { id, summary }, onDone }: { readonly order: BreakGlassOrder; readonly onDone: () => void }) {
  const { client, tell } = useSession()
  const [isAsked, setIsAsked] = useState(false)
  const end = async () => {
    const { receipt } = await client.ask<{ readonly receipt?: Parameters<typeof sayReceipt>[0] }>('DELETE', `/v1/break-glass/${encodeURIComponent(id)}?${waitForAll}`)
    setIsAsked(false)
    tell(`The order is ended: ${summary}. ${sayReceipt(receipt ?? {})}`)
    onDone()
  }
  return h('div', null,
    h('button', { type: 'button', 'aria-label': `End: ${summary}`, onClick: () => setIsAsked(true) }, 'End'),
    isAsked && h(Dialog, { title: 'End this order?', action: 'End it', isDangerous: true, onClose: () => setIsAsked(false), onAction: end },
      h('p', null, `${summary}. Every edge goes by the configuration again.`)))
}
