/** The bus through control: the relay's messages over one connection that the edge opens and keeps. */
import type { Bus, BusHooks } from '../bus.ts'
import { createRelayedBus } from '../relay.ts'
import { readSettings } from '../settings.ts'
import { LastingLink } from './lasting-link.ts'
import { schema, type ControlBusSettings } from './schema.ts'

/**
 * A bus over the first control of `settings.urls` that answers. Returns at once and connects in the background, for as long as
 * it takes; `status` tells, and is `disconnected` too while that control has no bus itself. Throws `config.invalid`
 * when the settings do not fit.
 */
export function createControlBus(settings: ControlBusSettings, hooks: BusHooks = {}): Bus {
  const link = new LastingLink(readSettings(schema, settings), (error) => hooks.onTransportError?.(error))
  const bus = createRelayedBus(link, hooks, 'disconnected')
  const drain = bus.drain.bind(bus)
  link.begin()
  return Object.assign(bus, { drain: (timeoutMs?: number) => drain(timeoutMs).finally(() => link.end()) })
}
