/** Long lists come in pages, each named by where it begins. */
import { h, useState, type VNode } from '../markup.ts'

const perPage = 100

/** What to add to an address, and the buttons for an answer whose `next` is given. */
export function usePages(): { query: string; buttons(next: string | null): VNode | undefined } {
  const [cursors, setCursors] = useState<readonly string[]>([])
  const cursor = cursors.at(-1)
  return {
    query: `limit=${perPage}${cursor === undefined ? '' : `&cursor=${encodeURIComponent(cursor)}`}`,
    buttons: (next) => {
      if (next === null && cursors.length === 0) return undefined
      const back = h('button', { type: 'button', disabled: cursors.length === 0, onClick: () => setCursors(cursors.slice(0, -1)) }, 'Back')
      const on = h('button', { type: 'button', disabled: next === null, onClick: () => next !== null && setCursors([...cursors, next]) }, 'Next')
      return h('nav', { class: 'actions', 'aria-label': 'Pages' }, back, h('span', { class: 'quiet' }, `Page ${cursors.length + 1}`), on)
    },
  }
}

/** Goes to one thing by its name, which need not be on the page. */
export function FindByName({ label, hrefOf }: { readonly label: string; readonly hrefOf: (name: string) => string }) {
  const [name, setName] = useState('')
  const go = (event: Event) => {
    event.preventDefault()
    if (name.trim() !== '') location.hash = hrefOf(name.trim())
  }
  return h('form', { role: 'search', class: 'find', onSubmit: go },
    h('input', { type: 'search', 'aria-label': label, placeholder: label, value: name, onInput: (event) => setName(event.currentTarget.value) }),
    h('button', { type: 'submit' }, 'Open'))
}
