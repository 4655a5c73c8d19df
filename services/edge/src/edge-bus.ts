import { busNamed } from '@sluice/buses'
import type { Bus } from '@sluice/buses/bus'
import { natsBusSettings, oncePerMinute, SettingsError, type Logger } from '@sluice/service-kit'
import type { EdgeSettings } from './settings.ts'

/** The bus of an edge process: NATS, or control's where this edge may reach nobody else. Throws a `SettingsError` for what the latter needs. */
export async function openEdgeBus(settings: EdgeSettings, logger: Logger): Promise<Bus> {
  if (settings.bus === 'nats') return (await busNamed('nats').load()).createNatsBus(natsBusSettings(settings, `edge ${settings.edgeName}`))
  const { controlUrls: urls, controlToken: token } = settings
  const missing = [...(urls.length === 0 ? ['SLUICE_CONTROL_URLS'] : []), ...(token === undefined ? ['SLUICE_CONTROL_TOKEN'] : [])]
  if (token === undefined || missing.length > 0) throw new SettingsError(missing.map((name) => `${name}: needed for SLUICE_BUS=control`))
  const warn = oncePerMinute((message, times, code: unknown) => logger.warn({ code, times }, `no bus through control: ${message}`))
  const onTransportError = (error: unknown) => {
    const { message, code } = error as NodeJS.ErrnoException
    // Of an address that resolves to several the error has no message of its own.
    warn(message || String(code), code)
  }
  return (await busNamed('control').load()).createControlBus({ urls, token }, { onTransportError })
}
