import type { SoakTraffic } from './soak-traffic.ts'

export type ToLoad =
  | { readonly kind: 'begin'; readonly place: { readonly port: number; readonly securePort: number; readonly authority: string }; readonly idleConnections: number; readonly bodyBytes: number }
  /** Odd while one is under way. */
  | { readonly kind: 'ends'; readonly ends: { readonly kills: number; readonly replaced: number } }
  | { readonly kind: 'stop' }

export type FromLoad =
  | { readonly kind: 'upstream'; readonly url: string }
  | { readonly kind: 'report'; readonly done: SoakTraffic['done']; readonly failures: readonly string[]; readonly idle: number; readonly latencies: readonly number[]; readonly ratePerSecond: number }
  | { readonly kind: 'stopped' }
