/** A page: its heading, what is to be said of it, and what it shows. */
import type { AdminError } from '../api/admin-client.ts'
import type { Live } from '../api/use-live.ts'
import { h, useEffect, useRef, type ComponentChildren } from '../markup.ts'

interface PageProps {
  readonly title: string
  /** One sentence on what is shown here. */
  readonly note?: string
  /** Buttons that concern the whole page. */
  readonly actions?: ComponentChildren
  readonly children?: ComponentChildren
}

let isFirst = true

export function Page({ title, note, actions, children }: PageProps) {
  const heading = useRef<HTMLHeadingElement>(null)
  useEffect(() => {
    document.title = `${title} · Sluice`
    // Who came here by a link is put where the page begins, as after a load; the load itself leaves the focus alone.
    if (!isFirst) heading.current?.focus()
    isFirst = false
  }, [title])
  return h('main', { id: 'main' },
    h('header', { class: 'page-head' },
      h('div', null, h('h1', { ref: heading, tabIndex: -1 }, title), note !== undefined && h('p', { class: 'note' }, note)),
      actions !== undefined && h('div', { class: 'actions' }, actions)),
    children)
}

/** Why something could not be had or done. */
export function Failure({ error, retry }: { readonly error: AdminError; readonly retry?: (() => void) | undefined }) {
  return h('div', { class: 'failure', role: 'alert' },
    h('p', null, error.message),
    error.problems.length > 0 && h('ul', null, ...error.problems.map((problem) => h('li', null, problem))),
    h('p', { class: 'quiet' }, [error.reason, adviceFor(error)].filter((text) => text !== '').join(' · ')),
    retry !== undefined && h('button', { type: 'button', onClick: retry }, 'Try again'))
}

function adviceFor({ status, reason }: AdminError): string {
  if (status === 403) return 'Sign in with a token that has that role.'
  if (reason.startsWith('dependency.')) return 'Edges go on serving; this page tries again by itself.'
  if (status === 412) return 'Somebody else changed it meanwhile. Look again, then decide.'
  return ''
}

/** What was answered, through `show`; before that, or when it fails, how things stand. */
export function Shown<T>({ live, show }: { readonly live: Live<T>; readonly show: (data: T) => ComponentChildren }) {
  const { data, failure, refresh } = live
  return h('div', { class: 'stack', 'aria-busy': data === undefined && failure === undefined },
    failure !== undefined && h(Failure, { error: failure, retry: refresh }),
    data === undefined ? failure === undefined && h('p', { class: 'quiet' }, 'Loading …') : show(data))
}

/** Nothing is there, and what to do about that. */
export function Empty({ title, children }: { readonly title: string; readonly children?: ComponentChildren }) {
  return h('div', { class: 'empty' }, h('p', null, title), h('p', { class: 'quiet' }, children))
}

/** A part of a page with a heading of its own. */
export function Section({ title, children, actions }: { readonly title: string; readonly children?: ComponentChildren; readonly actions?: ComponentChildren }) {
  return h('section', { 'aria-label': title }, h('div', { class: 'section-head' }, h('h2', null, title), actions), children)
}
