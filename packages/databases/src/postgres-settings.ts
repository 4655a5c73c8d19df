import { z } from 'zod'

const sslModes = ['disable', 'require', 'verify-full'] as const
type SslMode = (typeof sslModes)[number]

export interface PostgresAddress {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string | undefined
  readonly database: string
  /** `require` encrypts and checks nobody's certificate; `verify-full` checks certificate and name. */
  readonly sslMode: SslMode
  /** Path of the authorities' certificates (PEM). */
  readonly sslRootCert: string | undefined
  /** Paths of the client's certificate and its key (PEM), for mutual TLS. */
  readonly sslCert: string | undefined
  readonly sslKey: string | undefined
}

/** How a store reaches its database; the stores add what is their own. */
export const postgresSettings = {
  url: z
    .union([z.string(), z.array(z.string()).min(1)])
    .transform((given, context): PostgresAddress[] =>
      [given].flat().flatMap((text) => {
        const read = readPostgresUrl(text)
        if (typeof read !== 'string') return [read]
        context.addIssue({ code: 'custom', message: read })
        return []
      }),
    )
    .describe('`postgres://user:password@host[:5432]/database`; `?sslmode=verify-full&sslrootcert=PATH` for TLS. A list for a primary and its standbys: the one that takes writes is found.'),
}

const parameters = ['sslmode', 'sslrootcert', 'sslcert', 'sslkey']

/** What the URL says, or what is wrong with it. Neither repeats the password. */
function readPostgresUrl(text: string): PostgresAddress | string {
  const shape = 'must look like postgres://user:password@host:5432/database'
  if (!URL.canParse(text)) return shape
  const url = new URL(text)
  const database = decoded(url.pathname.slice(1))
  const [user, password] = [decoded(url.username), decoded(url.password)]
  if (!/^postgres(ql)?:$/.test(url.protocol) || url.hostname === '' || !database || !user || password === undefined) return shape
  const unknown = [...url.searchParams.keys()].filter((name) => !parameters.includes(name))
  if (unknown.length > 0) return `has the unknown parameter ${JSON.stringify(unknown[0])}; expected sslmode, sslrootcert, sslcert or sslkey`
  const sslRootCert = url.searchParams.get('sslrootcert') ?? undefined
  const [sslCert, sslKey] = [url.searchParams.get('sslcert') ?? undefined, url.searchParams.get('sslkey') ?? undefined]
  if ((sslCert === undefined) !== (sslKey === undefined)) return 'has one of sslcert and sslkey; expected both or neither'
  const sslMode = sslModes.find((mode) => mode === (url.searchParams.get('sslmode') ?? (sslRootCert === undefined ? 'disable' : 'verify-full')))
  if (sslMode === undefined) return `has an unknown sslmode; expected ${sslModes.join(', ')}`
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 5432), user, password: password || undefined, database, sslMode, sslRootCert, sslCert, sslKey }
}

function decoded(text: string): string | undefined {
  try {
    return decodeURIComponent(text)
  } catch {
    return undefined
  }
}
