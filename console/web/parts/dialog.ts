/** A question before something is done, or what has to be read before one goes on. */
import { useAction } from '../api/use-live.ts'
import { h, useEffect, useId, useRef, type ComponentChildren } from '../markup.ts'
import { Failure } from './page.ts'

interface DialogProps {
  readonly title: string
  readonly children?: ComponentChildren
  /** What the button that does it says. */
  readonly action: string
  /** Whether it takes something away. */
  readonly isDangerous?: boolean
  /** Left out: there is nothing to decline. */
  readonly onClose?: (() => void) | undefined
  /** Does it; the dialog shows what it throws, and stays. */
  readonly onAction: () => Promise<void>
}

/** Modal, by the browser's own means: the focus stays in it, and Escape closes it. */
export function Dialog({ title, children, action, isDangerous = false, onClose, onAction }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  const { isRunning, failure, run } = useAction()
  useEffect(() => dialog.current?.showModal(), [])
  const decline = (event: Event) => {
    event.preventDefault()
    if (!isRunning) onClose?.()
  }
  const submit = (event: Event) => {
    event.preventDefault()
    void run(onAction)
  }
  return h('dialog', { ref: dialog, 'aria-labelledby': titleId, onCancel: decline },
    h('form', { onSubmit: submit },
      h('h2', { id: titleId }, title),
      children,
      failure !== undefined && h(Failure, { error: failure }),
      h('div', { class: 'actions' },
        onClose !== undefined && h('button', { type: 'button', onClick: decline, disabled: isRunning }, 'Cancel'),
        h('button', { type: 'submit', class: isDangerous ? 'danger' : 'main', disabled: isRunning }, isRunning ? 'Working …' : action))))
}

/** A named field of a form. */
export function Field({ label, hint, children }: { readonly label: string; readonly hint?: string; readonly children?: ComponentChildren }) {
  return h('label', { class: 'field' }, h('span', null, label), children, hint !== undefined && h('small', { class: 'quiet' }, hint))
}
