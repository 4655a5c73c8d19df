/**
 * The contract of a discovery source: where an upstream's endpoints come from. One is made for each upstream; whether an
 * endpoint is healthy is not its business, except for what only it can know (`down`).
 *
 * The rules every source keeps (tested by `discovery-source.contract.ts`):
 * - `follow` tells the whole list as soon as it is known, within the call when nobody has to be asked, and again after
 *   each change that concerns it.
 * - ids are unique in a list, lists are in the order of ids, and a list is never changed after it was told.
 * - what cannot be asked is no change: the list that was told last stands until there is another.
 * - after `stop` nothing is told.
 */
import type { z } from 'zod'

export interface SourceEndpoint {
  readonly id: string
  /** `http://host:port`, with a base path or not. */
  readonly url: string
  readonly weight: number
  readonly zone: string
  readonly priority: number
  readonly tags: readonly string[]
  readonly version: string
  readonly datacenter: string
  /** Where to probe; empty: at `url`, by the upstream's own settings. */
  readonly healthUrl: string
  /** Why the source itself takes it to be down, for people; empty when it does not. */
  readonly down: string
}

export interface DiscoverySource {
  follow(onEndpoints: (endpoints: readonly SourceEndpoint[]) => void): Following
}

export interface Following {
  stop(): void
}

/** An instance of a service that has registered itself. */
export interface Instance extends SourceEndpoint {
  readonly service: string
}

/** What sources may ask discovery for. */
export interface SourceParts {
  readonly instances: InstanceDirectory
  readonly status: SourceStatus
}

export interface InstanceDirectory {
  /** In the order of ids. */
  list(service: string): readonly Instance[]
  /** Tells of each change of the service's instances from now on. */
  watch(service: string, onChange: () => void): Following
}

/** Told by sources that ask over a network how that goes; nothing of it reaches the edges. */
export interface SourceStatus {
  answered(): void
  /** It is asked again by itself. */
  failed(error: unknown): void
  /** Something it answered cannot be used, and is left out; `what` names it for people. */
  skipped(what: string): void
}

export interface DiscoverySourceModule<S = never> {
  createSource(settings: S, parts: SourceParts): DiscoverySource
}

export interface DiscoverySourceSchema<S = unknown> {
  readonly name: string
  readonly settings: z.ZodType<S>
}

export interface DiscoverySourceEntry extends DiscoverySourceSchema {
  load(): Promise<DiscoverySourceModule>
}
