import { accessSync, constants, readFileSync } from 'node:fs'
import { SluiceError } from '@sluice/errors'
import { type ConnectionOptions, credsAuthenticator, nkeyAuthenticator, type TlsOptions } from 'nats'
import type { ServerAddress } from './greeting.ts'
import type { NatsBusSettings, schema } from './schema.ts'

export type Settings = ReturnType<typeof schema.settings.parse>

/**
 * What the client is told. A hung server is noticed after three ping intervals (measured: 6.0 s at 2 s); a refused
 * credential is tried again, since it may be renewed. Throws `config.invalid` when a file that is named cannot be read.
 */
export function connectOptions(settings: Settings): ConnectionOptions {
  const urls = settings.urls.map((url) => new URL(url))
  const tls = tlsOptions(settings, urls)
  return {
    servers: addressesOf(settings).map(({ host, port }) => (host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`)),
    name: settings.name,
    pingInterval: settings.pingIntervalMs,
    maxPingOut: 2,
    timeout: settings.connectTimeoutMs,
    reconnect: true,
    maxReconnectAttempts: -1,
    reconnectDelayHandler: () => settings.reconnectWaitMs * (1 + Math.random()),
    ignoreAuthErrorAbort: true,
    noEcho: false,
    inboxPrefix: settings.inbox,
    noAsyncTraces: true,
    ...loginOptions(settings, urls),
    ...(tls && { tls }),
  }
}

/** Host and port of each server; the port is 4222 where none is named. */
export function addressesOf({ urls }: Pick<Settings, 'urls'>): ServerAddress[] {
  return urls.map((text) => {
    const url = new URL(text)
    return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 4222) }
  })
}

function tlsOptions({ caFile, certFile, keyFile }: NatsBusSettings, urls: readonly URL[]): TlsOptions | undefined {
  if ((certFile === undefined) !== (keyFile === undefined)) {
    throw new SluiceError('config.invalid', { detail: 'A client certificate for NATS needs both its certificate and its key' })
  }
  for (const file of [caFile, certFile, keyFile]) if (file !== undefined) checkReadable(file)
  const files = { ...(caFile && { caFile }), ...(certFile && { certFile }), ...(keyFile && { keyFile }) }
  const isDemanded = Object.keys(files).length > 0 || urls.some((url) => url.protocol === 'tls:')
  return isDemanded ? files : undefined
}

/** The credentials are read again at each connect, so that a renewed file is used without a restart. */
function loginOptions({ credsFile }: NatsBusSettings, urls: readonly URL[]): ConnectionOptions {
  if (credsFile !== undefined) {
    checkReadable(credsFile)
    return { authenticator: (nonce) => authenticatorOf(readFileSync(credsFile))(nonce) }
  }
  const login = urls.find((url) => url.username !== '')
  if (login === undefined) return {}
  const user = decodeURIComponent(login.username)
  return login.password === '' ? { token: user } : { user, pass: decodeURIComponent(login.password) }
}

/** A seed alone is that of a user whom the server's settings name; beside a JWT it is of one whom an account vouches for. */
function authenticatorOf(creds: Buffer): ReturnType<typeof credsAuthenticator> {
  const seed = /-----BEGIN USER NKEY SEED-----\s*(\S+)/.exec(creds.toString('latin1'))?.[1]
  const isAlone = seed !== undefined && !creds.includes('NATS USER JWT')
  return isAlone ? nkeyAuthenticator(Buffer.from(seed)) : credsAuthenticator(creds)
}

function checkReadable(file: string): void {
  try {
    accessSync(file, constants.R_OK)
  } catch (cause) {
    throw new SluiceError('config.invalid', { detail: `${file} cannot be read`, cause })
  }
}
