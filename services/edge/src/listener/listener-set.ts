import type { Listeners } from '@sluice/proto/config'
import { EngineListener } from './engine-listener.ts'
import { HttpListener, type HttpListenerParts, type Listener } from './http-listener.ts'

type SharedParts = Omit<HttpListenerParts, 'address' | 'healthPath'>

/** Who speaks HTTP/1.1: `node:http` with undici, or the gateway's own engine. */
export type HttpEngine = 'node' | 'own'

/** How long connections of an address that is not configured any more may finish. */
const retireMs = 30_000

/** The sockets of a worker, by address. A change opens the new ones first and drains the old ones after. */
export class ListenerSet {
  private readonly parts: SharedParts
  private readonly engine: HttpEngine
  private readonly listeners = new Map<string, { listener: Listener; url: string }>()

  constructor(parts: SharedParts, engine: HttpEngine) {
    this.parts = parts
    this.engine = engine
  }

  /** `http://host:port` of each. */
  get addresses(): string[] {
    return [...this.listeners.values()].map(({ url }) => url)
  }

  /** Opens what is configured and not open yet. Rejects when an address cannot be opened; nothing is closed then. */
  async open(wanted: Listeners | undefined): Promise<void> {
    const http = wanted?.http
    if (http === undefined || http === false) return
    const { address, healthPath } = http
    const known = this.listeners.get(address)
    if (known !== undefined) {
      known.listener.healthPath = healthPath
      return
    }
    const Chosen = this.engine === 'own' ? EngineListener : HttpListener
    const listener = new Chosen({ ...this.parts, address, healthPath })
    const port = await listener.listen()
    this.listeners.set(address, { listener, url: urlAt(address, port) })
  }

  /** Drains what is open and not configured any more. */
  keepOnly(wanted: Listeners): void {
    const kept = wanted.http === false ? undefined : wanted.http.address
    for (const [address, { listener }] of this.listeners) {
      if (address === kept) continue
      this.listeners.delete(address)
      void listener.drain(retireMs)
    }
  }

  async drain(deadlineMs: number): Promise<void> {
    await Promise.all([...this.listeners.values()].map(({ listener }) => listener.drain(deadlineMs)))
  }
}

function urlAt(address: string, port: number): string {
  if (address.startsWith('unix:')) return address
  const host = address.slice(0, address.lastIndexOf(':'))
  return `http://${host === '' || host === '0.0.0.0' || host === '[::]' ? '127.0.0.1' : host}:${port}`
}
