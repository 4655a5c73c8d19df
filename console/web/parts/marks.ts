/** Small things that stand in sentences and cells. */
import { h, type ComponentChildren } from '../markup.ts'
import { since } from './words.ts'

export type Tone = 'good' | 'bad' | 'warn' | 'plain'

/** A state in a word; the colour only repeats it. */
export function Badge({ tone, children }: { readonly tone: Tone; readonly children?: ComponentChildren }) {
  return h('span', { class: `badge ${tone}` }, children)
}

/** How long ago, with the instant itself at hand. */
export function When({ at }: { readonly at: string }) {
  return h('time', { dateTime: at, title: at }, since(Date.parse(at)))
}

export function Link({ href, children }: { readonly href: string; readonly children?: ComponentChildren }) {
  return h('a', { href }, children)
}

/** A resource as it stands in the configuration. */
export function Json({ value, label }: { readonly value: unknown; readonly label: string }) {
  return h('pre', { tabIndex: 0, role: 'region', 'aria-label': label }, JSON.stringify(value, undefined, 2))
}
