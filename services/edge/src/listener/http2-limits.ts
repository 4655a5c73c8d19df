/** What a client's HTTP/2 connection may take, beside what `EngineLimits` says of all connections. */
export interface Http2Limits {
  readonly maxConcurrentStreams: number
  /** Of one request, uncompressed, as RFC 9113 §10.5.1 counts: 32 bytes a field on top. */
  readonly maxHeaderListBytes: number
  readonly maxHeaderFields: number
  /** Of one stream: what a client may send before somebody takes it. */
  readonly windowBytes: number
  /** Requests taken back before they were answered, in a second (CVE-2023-44487, CVE-2025-8671). */
  readonly maxResetsPerSecond: number
  /** PING and SETTINGS, each of which has to be answered (CVE-2019-9512, CVE-2019-9515), in a second. */
  readonly maxControlFramesPerSecond: number
  /** How long a drain waits for a moment without requests. */
  readonly drainBusyMs: number
  /** Frames that are empty or make no sense, over a connection's life (CVE-2019-9518). */
  readonly maxInvalidFrames: number
}

export const http2Limits: Http2Limits = {
  maxConcurrentStreams: 128,
  maxHeaderListBytes: 64 * 1024,
  maxHeaderFields: 500,
  windowBytes: 128 * 1024,
  maxResetsPerSecond: 100,
  maxControlFramesPerSecond: 200,
  drainBusyMs: 5000,
  maxInvalidFrames: 100,
}
