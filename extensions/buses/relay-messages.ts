import type { ErrorCode } from '@sluice/errors'
import type { BusStatus, Subscription } from './bus.ts'

/** What a worker sends to the process that holds the bus. Ids are the worker's own, counted from 1. */
export type WorkerMessage =
  | { readonly type: 'hello' }
  | { readonly type: 'publish'; readonly subject: string; readonly data: Uint8Array }
  | { readonly type: 'subscribe'; readonly id: number; readonly subject: string; readonly queue?: string }
  | { readonly type: 'unsubscribe'; readonly id: number }
  | { readonly type: 'request'; readonly id: number; readonly subject: string; readonly data: Uint8Array; readonly timeoutMs: number }
  | { readonly type: 'respond'; readonly delivery: number; readonly data: Uint8Array }
  | { readonly type: 'flush'; readonly id: number }

/** What a worker hears. `delivery` is 0 when nobody waits for a reply. */
export type ParentMessage =
  | { readonly type: 'status'; readonly status: BusStatus }
  | { readonly type: 'message'; readonly id: number; readonly delivery: number; readonly subject: string; readonly data: Uint8Array }
  | { readonly type: 'reply'; readonly id: number; readonly data: Uint8Array }
  | { readonly type: 'flushed'; readonly id: number }
  | { readonly type: 'failed'; readonly id: number; readonly code: ErrorCode; readonly detail: string }

export type RelayMessage = WorkerMessage | ParentMessage

/** Two ends that hand messages to each other in order, such as the IPC between a process and its child. */
export interface RelayChannel {
  /** False: the message was not taken, because the other end is gone or too far behind. */
  send(message: RelayMessage): boolean
  onMessage(handler: (message: RelayMessage) => void): Subscription
  /** Told once, when the other end is gone. */
  onClose(handler: () => void): Subscription
}
