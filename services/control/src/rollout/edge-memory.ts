/** What of the edges outlives this process: their names in the store, and their comings and goings in the log. */
import type { ConfigStore } from '@sluice/config-stores/config-store'
import type { Logger } from '@sluice/service-kit'
import type { Edge, EdgeRegistry, EdgeState } from './edge-registry.ts'

interface MemoryParts {
  readonly store: ConfigStore
  readonly scope: string
  readonly logger: Logger
}

/** The store forgets edges that were not seen for days; often enough for that, seldom enough for a thousand edges. */
const renewMs = 600_000

export class EdgeMemory {
  readonly #parts: MemoryParts
  readonly #registry: EdgeRegistry
  /** Those that the store knows as live, and when they were last written there. */
  readonly #saved = new Map<string, number>()
  readonly #refusals = new Map<string, number>()

  constructor(parts: MemoryParts, registry: EdgeRegistry) {
    this.#parts = parts
    this.#registry = registry
  }

  /** Throws `dependency.store_unreachable`. */
  async recall(): Promise<void> {
    const known = await this.#parts.store.edges(this.#parts.scope)
    for (const edge of known) if (!this.#saved.has(edge.name)) this.#saved.set(edge.name, edge.lastHeartbeatMs)
    this.#registry.remember(known)
  }

  /** After a report: `before` is the state until then. An edge that joins is in the store before it is answered. */
  async note(edge: Edge, before: EdgeState | undefined): Promise<void> {
    const { logger } = this.#parts
    const { name, instance, zone, version, revision, refusal } = edge
    if (before !== 'live' && !edge.isLeaving) logger.info({ edge: name, instance, zone, version, revision }, 'edge joined')
    if (edge.isLeaving && before !== 'leaving') logger.info({ edge: name, instance }, 'edge leaves')
    if (refusal !== undefined && this.#refusals.get(name) !== refusal.revision) {
      logger.error({ edge: name, revision: refusal.revision, code: refusal.code, pointer: refusal.pointer, detail: refusal.detail }, 'edge refused a revision')
      this.#refusals.set(name, refusal.revision)
    }
    if (edge.isLeaving) await this.#forget(name)
    else if (before !== 'live' || edge.lastHeartbeatMs - (this.#saved.get(name) ?? 0) > renewMs) await this.#save(edge)
  }

  /** Takes out of the store those that have fallen silent. */
  sweep(): void {
    for (const edge of this.#registry.all()) {
      if (!this.#saved.has(edge.name) || this.#registry.stateOf(edge) !== 'missing') continue
      this.#parts.logger.warn({ edge: edge.name, lastHeartbeat: new Date(edge.lastHeartbeatMs).toISOString() }, 'edge missing')
      void this.#forget(edge.name)
    }
  }

  async #save({ name, instance, lastHeartbeatMs }: Edge): Promise<void> {
    this.#saved.set(name, lastHeartbeatMs)
    await this.#try(() => this.#parts.store.saveEdge(this.#parts.scope, { name, instance, lastHeartbeatMs }))
  }

  async #forget(name: string): Promise<void> {
    this.#refusals.delete(name)
    if (this.#saved.delete(name)) await this.#try(() => this.#parts.store.removeEdge(this.#parts.scope, name))
  }

  /** An edge is welcome while the store is away; after a restart in that time its roll call brings it back. */
  async #try(write: () => Promise<void>): Promise<void> {
    try {
      await write()
    } catch (error) {
      this.#parts.logger.warn({ err: error }, 'the store does not take what is known of edges')
    }
  }
}
