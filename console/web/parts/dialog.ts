/** A question before something is done, or what has to be read before one goes on. */
import { useAction } from '../api/use-live.ts'
import { createPortal, h, useLayoutEffect, useId, useRef, type ComponentChildren } from '../markup.ts'
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

/** Modal, by the browser's own means: the focus stays in it, and Escape closes it. It stands outside of what asks, which may move meanwhile. */
export function Dialog({ title, children, action, isDangerous = false, onClose, onAction }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null)
  const titleId = useId()
  const { isRunning, failure, run } = useAction()
  useLayoutEffect(() => {
    const shown = dialog.current
    const before = document.activeElement
    shown?.showModal()
    // While it is open nothing behind it can have the focus.
    return () => {
      shown?.close()
      if (before instanceof HTMLElement) before.focus()
    }
  }, [])
  const decline = (event: Event) => {
    event.preventDefault()
    if (!isRunning) onClose?.()
  }
  /** A browser lets pages refuse Escape once, and closes on the next one. */
  const closed = () => {
    if (dialog.current === null) return
    if (onClose !== undefined && !isRunning) onClose()
    else dialog.current.showModal()
  }
  const submit = (event: Event) => {
    event.preventDefault()
    void run(onAction)
  }
  return createPortal(h('dialog', { ref: dialog, 'aria-labelledby': titleId, onCancel: decline, onClose: closed },
    h('form', { onSubmit: submit },
      h('h2', { id: titleId }, title),
      children,
      failure !== undefined && h(Failure, { error: failure }),
      h('div', { class: 'actions' },
        onClose !== undefined && h('button', { type: 'button', onClick: decline, disabled: isRunning }, 'Cancel'),
        h('button', { type: 'submit', class: isDangerous ? 'danger' : 'main', disabled: isRunning }, isRunning ? 'Working …' : action)))), document.body)
}

/** A named field of a form. */
export function Field({ label, hint, children }: { readonly label: string; readonly hint?: string; readonly children?: ComponentChildren }) {
  return h('label', { class: 'field' }, h('span', null, label), children, hint !== undefined && h('small', { class: 'quiet' }, hint))
}
