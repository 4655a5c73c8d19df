import type { ConsumerUsage, RouteUsage, UsageBatch } from '@sluice/proto/messages/analytics'

/** What a driver is given besides its settings. */
export interface StoreParts {
  /** Milliseconds since the Unix epoch [the system's]. */
  readonly clock?: { now(): number }
  /** Told what an operator should know and nothing else would show. */
  readonly onWarning?: (message: string) => void
}

/**
 * Where access records and usage are kept; only analytics comes here. Every call rejects with
 * `dependency.store_unreachable` when the store cannot answer.
 *
 * Counts are kept by the hour: a span of time is widened to whole hours, its end left out. `watermarkMs`: the least,
 * over the edges heard of in the last hour, of the end of the last batch before which none of that edge's batches is
 * missing (of the boot heard of last; a batch of an earlier boot may still come late). With no edge heard of in the
 * last hour, the end of the newest batch there is; 0 when there never was one.
 */
export interface AnalyticsStore {
  /**
   * Stores batches durably, each once: one that is known by (scope, edge, boot, sequence) is passed over.
   * All or none. A batch that makes no sense (a count that is no whole number) rejects with `client.bad_request`.
   */
  append(batches: readonly UsageBatch[]): Promise<void>
  /** The last sequence of an edge's boot up to which every batch is stored; 0 when none is. */
  storedSequence(scope: string, edge: string, boot: string): Promise<number>
  /**
   * By consumer; requests without a consumer are left out. `requests` are those that no policy refused, `refused` the
   * others, bytes are of both.
   */
  usage(scope: string, fromMs: number, toMs: number): Promise<{ items: UsageItem[]; watermarkMs: number }>
  /**
   * Most requested first; requests that no route matched are left out. Counts are exact; the quantiles are of the
   * events, which are a sample under pressure, and 0 when there are none.
   */
  topRoutes(scope: string, fromMs: number, toMs: number, limit: number): Promise<{ items: RouteItem[]; watermarkMs: number }>
  close(): Promise<void>
}

export type UsageItem = Omit<ConsumerUsage, '$typeName' | '$unknown'>
export type RouteItem = Omit<RouteUsage, '$typeName' | '$unknown'>
