/** A new API key: asked for, then shown once. */
import type { Receipt } from '../api/answers.ts'
import { useSession } from '../console-context.ts'
import { h, useState } from '../markup.ts'
import { Dialog, Field } from '../parts/dialog.ts'
import { sayReceipt, waitForAll } from '../parts/receipt.ts'

interface Made extends Receipt {
  readonly id: string
  readonly key: string
}

export function NewKey({ consumer, onDone }: { readonly consumer: string; readonly onDone: () => void }) {
  const { client } = useSession()
  const [isAsked, setIsAsked] = useState(false)
  const [expires, setExpires] = useState('')
  const [made, setMade] = useState<Made | undefined>(undefined)
  const make = async () => {
    const apiKey = expires === '' ? {} : { expiresAt: new Date(expires).toISOString() }
    const answer = await client.ask<Made>('POST', `/v1/consumers/${encodeURIComponent(consumer)}/credentials?${waitForAll}`, { body: { apiKey } })
    setIsAsked(false)
    setExpires('')
    setMade(answer)
    onDone()
  }
  return h('div', null,
    h('button', { type: 'button', class: 'main', onClick: () => setIsAsked(true) }, 'Make an API key'),
    isAsked && h(Dialog, { title: `Make an API key for ${consumer}?`, action: 'Make it', onClose: () => setIsAsked(false), onAction: make },
      h(Field, { label: 'Expires', hint: 'Left empty: never.' }, h('input', { type: 'datetime-local', name: 'expires', value: expires, onInput: (event) => setExpires(event.currentTarget.value) }))),
    made !== undefined && h(ShownOnce, { made, onClose: () => setMade(undefined) }))
}

/** Nothing but its button closes it: the key is told nowhere else, and never again. */
function ShownOnce({ made, onClose }: { readonly made: Made; readonly onClose: () => void }) {
  return h(Dialog, { title: 'The new key', action: 'I have stored it', onAction: async () => onClose() },
    h('p', null, 'This is the only time that it is shown. Whoever has it can call.'),
    h('output', { class: 'key', tabIndex: 0, 'aria-label': 'The new key' }, made.key),
    h(Copy, { text: made.key }),
    h('p', { class: 'quiet' }, sayReceipt(made)))
}

/** Browsers let pages copy over HTTPS and from this machine only; elsewhere the key can be selected. */
function Copy({ text }: { readonly text: string }) {
  const [state, setState] = useState('Copy')
  if (!isSecureContext) return h('p', { class: 'quiet' }, 'Select and copy it.')
  const copy = () => navigator.clipboard.writeText(text).then(() => setState('Copied'), () => setState('Select and copy it: the browser does not let this page.'))
  return h('button', { type: 'button', onClick: () => void copy() }, state)
}
