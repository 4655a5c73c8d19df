/**
 * The contract of a discovery source: where an upstream's endpoints come from. One is made for each upstream; whether an
 * endpoint is healthy is not its business, except for what only it can know (`down`).
 *
 * The rules every source keeps (tested by `discovery-source.contract.ts`):
 * - `follow` tells the whole list at once, within the call, and again after each change that concerns it.
 * - ids are unique in a list, lists are in the order of ids, and a list is never changed after it was told.
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
}

export interface InstanceDirectory {
  /** In the order of ids. */
  list(service: string): readonly Instance[]
  /** Tells of each change of the service's instances from now on. */
  watch(service: string, onChange: () => void): Following
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
