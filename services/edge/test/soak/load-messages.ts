export interface Begin {
  readonly kind: 'begin'
  /** Requests at an even rate, or everything else. */
  readonly part: 'paced' | 'mixed'
  readonly place: { readonly port: number; readonly securePort: number; readonly authority: string }
  readonly idleConnections: number
  readonly bodyBytes: number
}

/** What has come to a good end. */
export type DoneCounts = Record<'paced' | 'http1' | 'http2' | 'messages' | 'events' | 'uploads' | 'downloads' | 'reconnects', number>

export type ToLoad =
  | Begin
  /** Odd while one is under way. */
  | { readonly kind: 'ends'; readonly ends: { readonly kills: number; readonly replaced: number } }
  | { readonly kind: 'stop' }

export type FromLoad =
  | { readonly kind: 'upstream'; readonly url: string }
  | { readonly kind: 'report'; readonly done: Readonly<DoneCounts>; readonly failures: readonly string[]; readonly idle: number; readonly latencies: readonly number[]; readonly ratePerSecond: number }
  | { readonly kind: 'stopped' }
