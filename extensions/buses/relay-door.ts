/** The other end of the bus named `control`: lets who holds a connection use the bus, as far as the permissions go. */
import type { Duplex } from 'node:stream'
import type { Bus } from './bus.ts'
import { permittedBus, type Permissions } from './permitted-bus.ts'
import { attachRelay } from './relay-parent.ts'
import { socketChannel } from './socket-channel.ts'

/** Where a connection is asked to become a relay's (RFC 9110 §7.8). */
export const relayPath = '/v1/internal/bus'
export const relayProtocol = 'sluice-bus/1'

export interface RelayDoorOptions extends Permissions {
  readonly onDenied?: (subject: string) => void
  readonly onFault?: (error: unknown) => void
}

// An edge of 256 workers has some 3000 subscriptions, and asks at most 1000 questions at once.
const limits = { maxSubscriptions: 16_384, maxRequests: 4096, maxTimeoutMs: 60_000 }
const maxWaitingBytes = 8 * 1024 * 1024
const silenceMs = 20_000

/** Serves the relay on `socket` until it ends; returns what ends it. */
export function serveRelay(bus: Bus, socket: Duplex, { head, ...options }: RelayDoorOptions & { head: Uint8Array }): () => void {
  const channel = socketChannel(socket, { head, maxWaitingBytes, silenceMs, ...(options.onFault && { onFault: options.onFault }) })
  attachRelay(permittedBus(bus, { ...limits, ...options }), channel)
  return () => channel.close()
}
