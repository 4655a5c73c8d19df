/** Where to listen: a port on one address or on all, or a Unix socket. */
export type ListenTarget = { readonly host?: string; readonly port: number } | { readonly path: string }

/** Reads `host:port`, `0.0.0.0:P`, `[::]:P`, `:P` (all addresses) or `unix:PATH`. Throws an `Error` that says what was expected. */
export function parseAddress(text: string): ListenTarget {
  if (text.startsWith('unix:') && text.length > 5) return { path: text.slice(5) }
  const match = /^(\[[0-9A-Fa-f:.]+\]|[^:[\]\s]*):(\d{1,5})$/.exec(text)
  const port = Number(match?.[2])
  if (match === null || port > 65_535) throw new Error(`"${text}" is no address; expected "host:port", "[v6]:port", ":port" or "unix:PATH"`)
  const host = match[1]!.replace(/^\[|\]$/g, '')
  return host === '' ? { port } : { host, port }
}

/** Whether only this machine can reach the address. */
export function isLoopback(target: ListenTarget): boolean {
  if ('path' in target) return true
  return target.host !== undefined && (target.host === 'localhost' || target.host === '::1' || target.host.startsWith('127.'))
}

/** The base URL at which a client on this machine reaches the address. */
export function urlOf(target: ListenTarget, scheme = 'http'): string {
  if ('path' in target) return `unix:${target.path}`
  const host = target.host === undefined || target.host === '0.0.0.0' || target.host === '::' ? '127.0.0.1' : target.host
  return `${scheme}://${host.includes(':') ? `[${host}]` : host}:${target.port}`
}

/** One line for "address in use" and its like, naming the address and the setting it came from. */
export function listenProblem(error: unknown, address: string, setting: string): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code
  const reasons: Record<string, string> = {
    EADDRINUSE: 'is in use by another process',
    EACCES: 'may not be opened by this user',
    EADDRNOTAVAIL: 'is no address of this machine',
  }
  return `${address} ${reasons[code ?? ''] ?? `cannot be opened (${code ?? String(error)})`}; change ${setting} or free it`
}
