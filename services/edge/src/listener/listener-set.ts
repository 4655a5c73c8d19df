import { randomBytes } from 'node:crypto'
import type { CidrSet } from '@sluice/http'
import type { OpenLimit } from '@sluice/policies/policy'
import type { HttpListener as HttpSettings, HttpsListener as HttpsSettings, Listeners, NamedCertificate } from '@sluice/proto/config'
import { parseAddress } from '@sluice/service-kit'
import { compileCertificates, type CertificateTable } from './certificate-table.ts'
import { doorRules, type DoorRules } from './door-rules.ts'
import { HttpListener, type HttpListenerParts, type Listener } from './http-listener.ts'
import { PlainListener } from './plain-listener.ts'
import { TlsListener, type TlsListenerParts } from './tls-listener.ts'

type SharedParts = Omit<HttpListenerParts, 'address' | 'addressSetting' | 'rules'> & Pick<TlsListenerParts, 'onHandshakeError' | 'onFlood'>

export interface ListenerSetParts extends SharedParts {
  /** Where each address was set, for the message when it is taken. */
  readonly addressSettings: { readonly http: string; readonly https: string }
  /** Of this edge. */
  readonly workers: number
  /** Counts the connections of addresses over all workers. */
  readonly addressLimit: (scheme: 'http' | 'https', limit: number) => OpenLimit
}

/** Who speaks HTTP/1.1 without TLS: `node:http` with undici, or the gateway's own engine. */
export type HttpEngine = 'node' | 'own'

/** What listeners go by. */
export interface ListenerFacts {
  readonly listeners: Listeners
  readonly certificates: readonly NamedCertificate[]
  readonly trustedProxies: CidrSet
  /** PEM, those that policies name; undefined: none asks for certificates of clients. */
  readonly clientAuthorities: readonly string[] | undefined
}

/** Listeners as the document has them, their certificates read. */
export interface PreparedListeners extends Omit<ListenerFacts, 'certificates'> {
  readonly certificates: CertificateTable | undefined
}

type Door = { readonly trustedProxies: CidrSet } & (
  | { readonly scheme: 'http'; readonly settings: HttpSettings }
  | { readonly scheme: 'https'; readonly settings: HttpsSettings; readonly certificates: CertificateTable }
)
type OpenDoor = { readonly url: string } & ({ readonly scheme: 'http'; readonly listener: Listener } | { readonly scheme: 'https'; readonly listener: TlsListener })

/** How long connections of an address that is not configured any more may finish. */
const retireMs = 30_000

/** The sockets of a worker, by address. A change opens the new ones first and drains the old ones after. */
export class ListenerSet {
  /** Those that handshakes go by, or will once something listens. */
  certificates: CertificateTable | undefined
  private readonly parts: ListenerSetParts
  private readonly engine: HttpEngine
  private readonly doors = new Map<string, OpenDoor>()
  private ticketKeys: Buffer = randomBytes(48)

  constructor(parts: ListenerSetParts, engine: HttpEngine) {
    this.parts = parts
    this.engine = engine
  }

  /** `http://host:port` of each. */
  get addresses(): string[] {
    return [...this.doors.values()].map(({ url }) => url)
  }

  /** Reads what the document holds; nothing changes. Throws `CertificateProblem`. */
  prepare(facts: ListenerFacts): PreparedListeners {
    const { https } = facts.listeners
    if (https === undefined || https === false) return { ...facts, certificates: undefined }
    const asksClients = https.clientCertificates ?? facts.clientAuthorities !== undefined
    const clientAuthorities = asksClients ? (facts.clientAuthorities ?? []) : undefined
    return { ...facts, certificates: compileCertificates({ ...https, named: facts.certificates, clientAuthorities }, this.certificates) }
  }

  /** Opens what is wanted and not open yet. Rejects when an address cannot be opened; everything is as before then. */
  async open(wanted: PreparedListeners | undefined): Promise<void> {
    const opened = new Map<string, OpenDoor>()
    try {
      for (const door of wanted === undefined ? [] : doorsOf(wanted)) {
        const { address } = door.settings
        const known = this.doors.get(address)
        if (known === undefined) opened.set(address, await this.openDoor(door).catch((error: unknown) => this.explain(error, door)))
        else if (known.scheme !== door.scheme) throw new Error(`${address} carries ${known.scheme} until another revision has moved it away (listeners.${known.scheme}.address)`)
      }
    } catch (error) {
      for (const { listener } of opened.values()) void listener.drain(0)
      throw error
    }
    for (const [address, door] of opened) this.doors.set(address, door)
    this.certificates ??= wanted?.certificates
  }

  /** From now on these settings count; what is open and not wanted any more is drained. */
  adopt(wanted: PreparedListeners): void {
    this.certificates = wanted.certificates
    const kept = new Map(doorsOf(wanted).map((door) => [door.settings.address, door]))
    for (const [address, open] of this.doors) {
      const door = kept.get(address)
      if (door === undefined) {
        this.doors.delete(address)
        void open.listener.drain(retireMs)
        continue
      }
      open.listener.configure(this.rulesOf(door))
      if (open.scheme === 'https' && door.scheme === 'https') open.listener.useTls(tlsFacts(door))
    }
  }

  /** The keys under session tickets, the same in all workers. */
  useTicketKeys(keys: Uint8Array): void {
    this.ticketKeys = Buffer.from(keys)
    for (const door of this.doors.values()) if (door.scheme === 'https') door.listener.useTicketKeys(this.ticketKeys)
  }

  async drain(deadlineMs: number): Promise<void> {
    await Promise.all([...this.doors.values()].map(({ listener }) => listener.drain(deadlineMs)))
  }

  /** Of an address that is taken it may be this edge itself that has it, as `127.0.0.1:80` stands in the way of `:80`. */
  private explain(error: unknown, { scheme, settings: { address } }: Door): never {
    const own = isInUse(error) ? [...this.doors.keys()].find((open) => overlap(open, address)) : undefined
    if (own === undefined) throw error
    throw new Error(`${address} cannot be opened while this edge listens at ${own}; move listeners.${scheme}.address to another port first, or set SLUICE_LISTEN_${scheme.toUpperCase()} and start the edge again`, { cause: error })
  }

  private rulesOf({ scheme, settings, trustedProxies }: Door): DoorRules {
    const { workers, addressLimit } = this.parts
    return doorRules(settings, { trustedProxies, workers, addressLimit: (limit) => addressLimit(scheme, limit) })
  }

  private async openDoor(door: Door): Promise<OpenDoor> {
    const { address } = door.settings
    const parts = { ...this.parts, address, addressSetting: this.parts.addressSettings[door.scheme], rules: this.rulesOf(door) }
    if (door.scheme === 'https') {
      const listener = new TlsListener({ ...parts, tls: tlsFacts(door), ticketKeys: this.ticketKeys })
      return { scheme: 'https', listener, url: urlAt('https', address, await listener.listen()) }
    }
    const listener = this.engine === 'own' ? new PlainListener(parts) : new HttpListener(parts)
    return { scheme: 'http', listener, url: urlAt('http', address, await listener.listen()) }
  }
}

function doorsOf({ listeners: { http, https }, trustedProxies, certificates }: PreparedListeners): Door[] {
  const doors: Door[] = http === false ? [] : [{ scheme: 'http', settings: http, trustedProxies }]
  if (https !== undefined && https !== false && certificates !== undefined) doors.push({ scheme: 'https', settings: https, certificates, trustedProxies })
  return doors
}

function tlsFacts({ settings, certificates }: Extract<Door, { scheme: 'https' }>) {
  return { certificates, http2: settings.http2 }
}

function isInUse(error: unknown): boolean {
  return ((error as Error).cause as NodeJS.ErrnoException | undefined)?.code === 'EADDRINUSE'
}

/** Whether one of them is a port on all addresses, and the other the same port. */
function overlap(one: string, other: string): boolean {
  const [a, b] = [parseAddress(one), parseAddress(other)]
  return 'port' in a && 'port' in b && a.port === b.port && [a.host, b.host].some((host) => host === undefined || host === '0.0.0.0' || host === '::')
}

function urlAt(scheme: string, address: string, port: number): string {
  if (address.startsWith('unix:')) return address
  const host = address.slice(0, address.lastIndexOf(':'))
  return `${scheme}://${host === '' || host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host}:${port}`
}
