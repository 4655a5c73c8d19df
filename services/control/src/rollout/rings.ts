/**
 * A revision that is tried on some edges before the others: watched until all of them have run it for a while and did well,
 * then given to the next ring, as a revision of the same content; or taken back, as a revision of the content before. All that has to be
 * known stands in the store with the head, so any control can go on: the store lets one of them move.
 */
import type { RolloutSettings } from '@sluice/proto/config'
import type { Clock, Logger } from '@sluice/service-kit'
import type { Ring } from '../revisions/stored-body.ts'
import type { StoredRevision } from '../revisions/stored-revisions.ts'
import type { Edge } from './edge-registry.ts'
import { ringEdges } from './ring-edges.ts'
import { breachOfGates, type Traffic, trafficSince } from './ring-verdict.ts'

export interface RingsParts {
  readonly clock: Clock
  readonly logger: Logger
  head(): Promise<StoredRevision | undefined>
  liveEdges(): readonly Edge[]
  /** What the configuration says, with its defaults. */
  settingsOf(head: StoredRevision): RolloutSettings
  /** Gives the head's content to the edges of another ring, or to all. */
  moveOn(revision: number, ring: Ring | undefined, note: string): Promise<void>
  /** Brings the content of a revision back, as long as the head is `from`. */
  takeBack(from: number, to: number, note: string): Promise<void>
}

export interface RingState {
  readonly revision: number
  /** From 1. */
  readonly ring: number
  readonly rings: number
  readonly edges: readonly string[]
  /** Until the ring has been watched long enough; undefined while not all of it runs the revision. */
  readonly secondsLeft: number | undefined
}

const lookMs = 1000
/** An edge that takes nothing and refuses nothing for so long is a failure, too. */
const patienceMs = 60_000

interface Watch {
  readonly revision: number
  readonly startedAt: number
  /** When all of the ring ran it. */
  reachedAt: number | undefined
  /** Of each edge, what it said first from then on. */
  readonly before: Map<string, Traffic>
}

export class Rings {
  readonly #parts: RingsParts
  #timer: NodeJS.Timeout | undefined
  #watch: Watch | undefined
  #state: RingState | undefined
  #isStopped = false

  constructor(parts: RingsParts) {
    this.#parts = parts
  }

  start(): void {
    if (this.#isStopped) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.look().finally(() => this.start()), lookMs).unref()
  }

  stop(): void {
    this.#isStopped = true
    clearTimeout(this.#timer)
  }

  /** What is being tried; undefined: nothing is. */
  state(): RingState | undefined {
    return this.#state
  }

  /** Looks at the ring and moves when it is time; never rejects. */
  async look(): Promise<void> {
    try {
      const head = await this.#parts.head()
      if (head?.ring === undefined) {
        this.#watch = this.#state = undefined
        return
      }
      await this.#judge(head, head.ring)
    } catch (error) {
      // The store is away, or another control has moved: the next look tells.
      this.#parts.logger.warn({ problem: (error as Error).message }, 'a revision that is tried on some edges cannot be moved on yet')
    }
  }

  async #judge(head: StoredRevision, ring: Ring): Promise<void> {
    const { settingsOf, liveEdges, clock } = this.#parts
    const { revision } = head.record
    const settings = settingsOf(head)
    const watch = this.#watchOf(revision)
    const live = liveEdges()
    const own = live.filter((edge) => ring.edges.includes(edge.name))
    const breach = this.#breach(watch, { own, others: live.filter((edge) => !ring.edges.includes(edge.name)), ring, gates: settings.gates })
    const heldMs = watch.reachedAt === undefined ? undefined : clock.monotonic() - watch.reachedAt
    this.#state = { revision, ring: ring.index + 1, rings: settings.rings.length, edges: ring.edges, secondsLeft: heldMs === undefined ? undefined : Math.max(0, settings.soakSeconds - heldMs / 1000) }
    if (breach !== undefined) await this.#takeBack(revision, ring, breach)
    else if (heldMs !== undefined && heldMs >= settings.soakSeconds * 1000) await this.#moveOn(revision, ring, settings, live)
  }

  #watchOf(revision: number): Watch {
    if (this.#watch?.revision !== revision) this.#watch = { revision, startedAt: this.#parts.clock.monotonic(), reachedAt: undefined, before: new Map() }
    return this.#watch
  }

  /** Why it goes back; undefined: it does not, yet. */
  #breach(watch: Watch, { own, others, ring, gates }: { own: readonly Edge[]; others: readonly Edge[]; ring: Ring; gates: RolloutSettings['gates'] }): string | undefined {
    const refused = own.find(({ refusal }) => refusal !== undefined && refusal.revision >= watch.revision)
    if (refused !== undefined) return `${refused.name} refused it: ${refused.refusal!.detail}`
    const gone = ring.edges.find((name) => !own.some((edge) => edge.name === name))
    if (gone !== undefined) return `${gone} is gone since`
    const now = this.#parts.clock.monotonic()
    const behind = own.find((edge) => edge.revision < watch.revision)
    if (behind !== undefined) return now - watch.startedAt > patienceMs ? `${behind.name} has not taken it within ${patienceMs / 1000} s` : undefined
    watch.reachedAt ??= now
    for (const { name, traffic } of [...own, ...others]) if (traffic !== undefined && !watch.before.has(name)) watch.before.set(name, traffic)
    const since = (edges: readonly Edge[]) => edges.flatMap(({ name, traffic }) => (traffic === undefined ? [] : [trafficSince(watch.before.get(name)!, traffic)]))
    return breachOfGates(since(own), since(others), gates)
  }

  async #moveOn(revision: number, { index, edges, stable }: Ring, settings: RolloutSettings, live: readonly Edge[]): Promise<void> {
    const next = settings.rings[index + 1]
    const nextEdges = next && ringEdges(live.map(({ name }) => name), next)
    const to = nextEdges === undefined ? 'every edge' : `${nextEdges.length} edges`
    const note = `revision ${revision} to ${to}: ${edges.length} ran it well for ${settings.soakSeconds} s`
    await this.#parts.moveOn(revision, nextEdges === undefined ? undefined : { index: index + 1, edges: nextEdges, stable }, note)
    this.#parts.logger.info({ revision, ring: index + 1, edges }, note)
  }

  async #takeBack(revision: number, { edges, stable }: Ring, breach: string): Promise<void> {
    const note = `back to revision ${stable}: ${breach}`.slice(0, 500)
    await this.#parts.takeBack(revision, stable, note)
    this.#parts.logger.error({ revision, edges, stable }, note)
  }
}
