/**
 * The instances of discovery that run beside each other. Each tells the others every two seconds that it is there and which
 * endpoints it finds down; who is silent for seven has gone. The oldest leads: it alone tells the edges, in an epoch of
 * its own that is later than every one it has heard of, so that edges go over to it whoever they believed before.
 */
import type { Bus, Subscription } from '@sluice/buses/bus'
import { announce, listen, type ListenOptions } from '@sluice/buses/rpc'
import { DiscoveryMemberSchema, type DiscoveryMember } from '@sluice/proto/messages/discovery'
import { subjects } from '@sluice/proto/subjects'
import { observersOf } from './observers.ts'

export interface DownVote {
  readonly upstream: string
  readonly id: string
  readonly reason: string
}

export interface MembersParts {
  readonly bus: Bus
  readonly scope: string
  /** New at each start. */
  readonly instance: string
  readonly zone: string
  readonly startedAtMs: number
  readonly now: () => number
  readonly epochMs: () => number
  /** What this instance finds down, of what it probes. */
  readonly ownVotes: () => readonly DownVote[]
  /** Somebody came or went, who probes what has changed with it. */
  readonly onChange: () => void
  /** Another one's votes on these endpoints have changed; keys as `endpointKey` makes them. */
  readonly onVotes: (keys: Iterable<string>) => void
  /** Another one has an epoch that is not before ours, while we lead: ours has to be later than `latestEpochMs`. */
  readonly onLaterEpoch: () => void
  readonly listenOptions: ListenOptions
}

interface Known {
  readonly zone: string
  readonly startedAtMs: number
  /** Reasons by `endpointKey`. */
  readonly down: ReadonlyMap<string, string>
  readonly heardAt: number
}

const tellEveryMs = 2000
const goneAfterMs = 7000
/** Of an instance that finds more down than a message holds the rest does not count. */
const maxVotes = 5000

/** Tells an endpoint from all others. */
export function endpointKey(upstream: string, id: string): string {
  return `${upstream}\0${id}`
}

/** The upstream and the id in such a key. */
export function splitKey(key: string): string[] {
  const at = key.indexOf('\0')
  return [key.slice(0, at), key.slice(at + 1)]
}

export class Members {
  readonly #parts: MembersParts
  readonly #others = new Map<string, Known>()
  #subscription: Subscription | undefined
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #latestEpochMs = 0
  #list: { readonly instance: string; readonly zone: string }[]

  constructor(parts: MembersParts) {
    this.#parts = parts
    this.#list = [{ instance: parts.instance, zone: parts.zone }]
  }

  start(): void {
    const { bus, scope, listenOptions } = this.#parts
    this.#subscription = listen(bus, subjects.discoveryMember(scope), DiscoveryMemberSchema, (message) => this.#hear(message), listenOptions)
    this.#timer = setInterval(() => this.#tick(), tellEveryMs).unref()
    this.#tell()
  }

  stop(): void {
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.#subscription?.unsubscribe()
    this.#tell(true)
  }

  /** How many there are, this one included. */
  get size(): number {
    return this.#list.length
  }

  /** The latest epoch that another one has told. */
  get latestEpochMs(): number {
    return this.#latestEpochMs
  }

  /** Whether this instance is the one that tells the edges. */
  get isLeading(): boolean {
    const { startedAtMs, instance } = this.#parts
    return [...this.#others].every(([other, known]) => startedAtMs < known.startedAtMs || (startedAtMs === known.startedAtMs && instance < other))
  }

  /** Whether this instance is to probe an endpoint. */
  isObserver(key: string, zone: string): boolean {
    return this.#list.length === 1 || observersOf(key, zone, this.#list).includes(this.#parts.instance)
  }

  /**
   * Why an endpoint is down, by the votes of those who probe it: two have to agree, when there are two. Empty: it is not.
   * `own` is this instance's vote, empty for none.
   */
  judge(key: string, zone: string, own: string): string {
    if (this.#list.length === 1) return own
    const observers = observersOf(key, zone, this.#list)
    const reasons = observers.map((instance) => (instance === this.#parts.instance ? own : (this.#others.get(instance)?.down.get(key) ?? '')))
    const down = reasons.filter((reason) => reason !== '')
    return down.length >= Math.min(2, observers.length) ? down[0]! : ''
  }

  /** This instance's votes have changed. */
  noteOwnVotes(): void {
    if (this.#list.length > 1) this.#soon ??= setTimeout(() => this.#tell(), 20).unref()
  }

  #tick(): void {
    const oldest = this.#parts.now() - goneAfterMs
    const gone = [...this.#others].filter(([, { heardAt }]) => heardAt < oldest)
    for (const [instance] of gone) this.#others.delete(instance)
    if (gone.length > 0) this.#change()
    this.#tell()
  }

  #tell(isLeaving = false): void {
    clearTimeout(this.#soon)
    this.#soon = undefined
    const { bus, scope, instance, zone, startedAtMs, epochMs, ownVotes } = this.#parts
    const down = this.#list.length === 1 ? [] : ownVotes().slice(0, maxVotes)
    announce(bus, subjects.discoveryMember(scope), DiscoveryMemberSchema, { scope, instance, zone, startedAtMs, epochMs: epochMs(), down: [...down], isLeaving })
  }

  #hear(message: DiscoveryMember): void {
    if (message.instance === this.#parts.instance) return
    const before = this.#others.get(message.instance)
    this.#latestEpochMs = Math.max(this.#latestEpochMs, message.epochMs)
    if (message.isLeaving) {
      if (this.#others.delete(message.instance)) this.#change()
      return
    }
    const down = new Map(message.down.map(({ upstream, id, reason }) => [endpointKey(upstream, id), reason]))
    this.#others.set(message.instance, { zone: message.zone, startedAtMs: message.startedAtMs, down, heardAt: this.#parts.now() })
    if (before === undefined) {
      this.#change()
      // It learns of this one at once, rather than within two seconds.
      this.#tell()
    }
    if (this.isLeading && message.epochMs >= this.#parts.epochMs()) this.#parts.onLaterEpoch()
    const changed = before === undefined ? down.keys() : new Set([...before.down.keys()]).symmetricDifference(new Set(down.keys()))
    this.#parts.onVotes(changed)
  }

  #change(): void {
    const { instance, zone } = this.#parts
    this.#list = [{ instance, zone }, ...[...this.#others].map(([other, known]) => ({ instance: other, zone: known.zone }))]
    this.#parts.onChange()
  }
}
