import type { ConsumerUsage, RouteUsage, UsageBatch } from '@sluice/proto/messages/analytics'

/** Where access records and usage are kept; only analytics comes here. */
export interface AnalyticsStore {
  /**
   * Stores batches durably, each once: one that is known by (scope, edge, boot, sequence) is passed over.
   * All or none.
   */
  append(batches: readonly UsageBatch[]): Promise<void>
  /** The last sequence of an edge's boot up to which every batch is stored; 0 when none is. */
  storedSequence(scope: string, edge: string, boot: string): Promise<number>
  usage(scope: string, fromMs: number, toMs: number): Promise<{ items: UsageItem[]; watermarkMs: number }>
  topRoutes(scope: string, fromMs: number, toMs: number, limit: number): Promise<{ items: RouteItem[]; watermarkMs: number }>
  close(): Promise<void>
}

export type UsageItem = Omit<ConsumerUsage, '$typeName' | '$unknown'>
export type RouteItem = Omit<RouteUsage, '$typeName' | '$unknown'>
