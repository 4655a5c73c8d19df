/**
 * Turns the host names of endpoints into addresses. An answer is used for five seconds; then it is asked for anew,
 * while connections go on with the one before. While names cannot be resolved the last good answer stays good: an
 * endpoint does not go away because a name server does.
 */
import { lookup as systemLookup, Resolver, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'

export interface HostResolverParts {
  /** All addresses of a name, in the order in which they are to be tried. */
  readonly resolve: (host: string) => Promise<readonly LookupAddress[]>
  /** On the monotonic clock, in ms. */
  readonly now: () => number
  /** A name could not be resolved; `kept`: an older answer takes its place. */
  readonly onFailure: (host: string, error: Error, kept: boolean) => void
}

interface Known {
  addresses: readonly LookupAddress[]
  /** When they were answered; -Infinity: never. */
  at: number
  asking: Promise<void> | undefined
  error: Error | undefined
  usedAt: number
}

const freshMs = 5000
/** An answer that is older is not used before it was tried to get another one, … */
const staleMs = 60_000
/** … for so long. */
const patienceMs = 1000
/** Names beyond are forgotten, those that were not used for longest first; each is the host of an endpoint. */
const maxNames = 1000

export class HostResolver {
  private readonly parts: HostResolverParts
  private readonly names = new Map<string, Known>()

  constructor(parts: HostResolverParts) {
    this.parts = parts
  }

  /** For `net.connect`. */
  readonly lookup: LookupFunction = (host, options, callback) => void this.answer(host, options, callback)

  private async answer(host: string, { family: wanted, all }: Parameters<LookupFunction>[1], callback: Parameters<LookupFunction>[2]): Promise<void> {
    try {
      const found = await this.addressesOf(host)
      const addresses = found.filter(({ family }) => wanted === undefined || wanted === 0 || wanted === family || wanted === `IPv${family}`)
      const first = addresses[0]
      if (first === undefined) throw notFound(host)
      // Outside of the promise: what the callback throws is not this function's.
      if (all === true) process.nextTick(callback, null, addresses)
      else process.nextTick(callback, null, first.address, first.family)
    } catch (error) {
      process.nextTick(callback, error, '', 0)
    }
  }

  private async addressesOf(host: string): Promise<readonly LookupAddress[]> {
    const now = this.parts.now()
    const known = this.knownOf(host, now)
    const age = now - known.at
    if (age >= freshMs) known.asking ??= this.ask(host, known)
    if (age >= staleMs && known.asking !== undefined) await (known.addresses.length === 0 ? known.asking : withPatience(known.asking))
    if (known.addresses.length === 0) throw known.error ?? notFound(host)
    return known.addresses
  }

  private knownOf(host: string, now: number): Known {
    const known = this.names.get(host) ?? { addresses: [], at: -Infinity, asking: undefined, error: undefined, usedAt: now }
    known.usedAt = now
    if (!this.names.has(host) && this.names.size >= maxNames) this.forgetOne()
    this.names.set(host, known)
    return known
  }

  private forgetOne(): void {
    const [oldest] = [...this.names].reduce((least, entry) => (entry[1].usedAt < least[1].usedAt ? entry : least))
    this.names.delete(oldest)
  }

  private async ask(host: string, known: Known): Promise<void> {
    try {
      const addresses = await this.parts.resolve(host)
      if (addresses.length === 0) throw notFound(host)
      known.addresses = addresses
      known.at = this.parts.now()
    } catch (error) {
      known.error = error as Error
      this.parts.onFailure(host, error as Error, known.addresses.length > 0)
    } finally {
      known.asking = undefined
    }
  }
}

function notFound(host: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' })
}

function withPatience(asking: Promise<void>): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, patienceMs)
    void asking.then(() => {
      clearTimeout(timer)
      resolve()
    })
  })
}

/** How this machine resolves names, /etc/hosts included; with `servers` those name servers alone are asked. */
export function resolveHost(servers: readonly string[]): HostResolverParts['resolve'] {
  if (servers.length > 0) return askServers(servers)
  return (host) => new Promise((resolve, reject) => systemLookup(host, { all: true }, (error, addresses) => (error === null ? resolve(addresses) : reject(error))))
}

/** For one question to one server, and how often it is asked. */
const questionTimeoutMs = 1000
const tries = 2

function askServers(servers: readonly string[]): HostResolverParts['resolve'] {
  const resolver = new Resolver({ timeout: questionTimeoutMs, tries })
  resolver.setServers(servers)
  const ask = (host: string, family: 4 | 6): Promise<LookupAddress[]> =>
    new Promise((resolve, reject) => {
      const done = (error: NodeJS.ErrnoException | null, found: string[]): void => {
        if (error === null) resolve(found.map((address) => ({ address, family })))
        else if (error.code === 'ENODATA') resolve([])
        else reject(error)
      }
      if (family === 6) resolver.resolve6(host, done)
      else resolver.resolve4(host, done)
    })
  return async (host) => {
    const [six, four] = await Promise.allSettled([ask(host, 6), ask(host, 4)])
    if (six.status === 'rejected' && four.status === 'rejected') throw four.reason
    return [...(six.status === 'fulfilled' ? six.value : []), ...(four.status === 'fulfilled' ? four.value : [])]
  }
}
