/**
 * A relay channel over the IPC between a Node process and its child. The child is started with
 * `serialization: 'advanced'`, so that a Uint8Array arrives as one. Other messages of the same IPC pass by: what
 * belongs to the bus stands under one property.
 */
import type { Subscription } from './bus.ts'
import type { RelayChannel, RelayMessage } from './relay-messages.ts'

/** What `process`, `ChildProcess` and `cluster.Worker` have in common. */
export interface IpcEnd {
  send?(message: unknown, handle?: undefined, options?: undefined, sent?: (error: Error | null) => void): boolean
  on(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown
  off(event: 'message' | 'disconnect', listener: (message: unknown) => void): unknown
  readonly connected?: boolean | undefined
  isConnected?(): boolean
}

interface Envelope {
  readonly sluiceBus: RelayMessage
}

// A process that was stopped reads nothing: what waits for it in our memory has to end somewhere.
const maxWaitingBytes = 32 * 1024 * 1024

/**
 * The channel to the process at the other end of `end`: the parent passes its child, the child passes `process`.
 * Messages that carry data are refused while 32 MiB wait to be written.
 */
export function ipcChannel(end: IpcEnd): RelayChannel {
  let waitingBytes = 0
  const isConnected = () => (end.isConnected === undefined ? end.connected === true : end.isConnected())
  return {
    send(message) {
      const bytes = 'data' in message ? message.data.length : 0
      if (end.send === undefined || !isConnected() || (bytes > 0 && waitingBytes + bytes > maxWaitingBytes)) return false
      waitingBytes += bytes
      // With a callback a channel that closes meanwhile is told there, not thrown.
      end.send({ sluiceBus: message } satisfies Envelope, undefined, undefined, () => (waitingBytes -= bytes))
      return true
    },
    onMessage(handler) {
      return hear(end, 'message', (message) => {
        if (isEnvelope(message)) handler(message.sluiceBus)
      })
    },
    onClose: (handler) => hear(end, 'disconnect', handler),
  }
}

function hear(end: IpcEnd, event: 'message' | 'disconnect', listener: (message: unknown) => void): Subscription {
  end.on(event, listener)
  return { unsubscribe: () => void end.off(event, listener) }
}

function isEnvelope(message: unknown): message is Envelope {
  return typeof message === 'object' && message !== null && 'sluiceBus' in message
}
