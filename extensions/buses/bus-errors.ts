import { SluiceError } from '@sluice/errors'
import { maxMessageBytes } from './bus.ts'
import { isPattern, isSubject } from './subject-index.ts'

export const unreachable = (cause?: unknown) => new SluiceError('dependency.bus_unreachable', { cause })
export const noResponder = (subject: string) => new SluiceError('dependency.no_responder', { detail: `Nobody answers on ${subject}` })
export const timedOut = (subject: string, timeoutMs: number) =>
  new SluiceError('dependency.timeout', { detail: `No answer on ${subject} within ${timeoutMs} ms` })

/** Why a request cannot be sent, whatever the state of the bus; nothing when it can. */
export function requestFault(subject: string, data: Uint8Array): SluiceError | undefined {
  if (!isSubject(subject)) return new SluiceError('internal.invariant_broken', { detail: `${JSON.stringify(subject)} is no subject` })
  if (data.length <= maxMessageBytes) return undefined
  return new SluiceError('internal.invariant_broken', { detail: `A message of ${data.length} bytes is too large for the bus; the most is ${maxMessageBytes}` })
}

/** Throws `internal.invariant_broken` when nobody could ever publish to `pattern`. */
export function checkPattern(pattern: string): void {
  if (isPattern(pattern)) return
  throw new SluiceError('internal.invariant_broken', { detail: `${JSON.stringify(pattern)} is no subject to subscribe to` })
}
