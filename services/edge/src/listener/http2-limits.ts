/** What a client's HTTP/2 connection may take, beside what `EngineLimits` says of all connections. */
export interface Http2Limits {
  readonly maxConcurrentStreams: number
  /** Of one request, uncompressed, as RFC 9113 §10.5.1 counts: 32 bytes a field on top. */
  readonly maxHeaderListBytes: number
  readonly maxHeaderFields: number
  /** Of one stream: what a client may send before somebody takes it. */
  readonly windowBytes: number
  /** Of all streams together: the most that a connection keeps of bodies that nobody has taken. */
  readonly connectionWindowBytes: number
  /** Requests taken back before they were answered, or broken by their client, in a second (CVE-2023-44487, CVE-2025-8671). */
  readonly maxResetsPerSecond: number
  /** PING and SETTINGS, each of which has to be answered (CVE-2019-9512, CVE-2019-9515), in a second. */
  readonly maxControlFramesPerSecond: number
  /** Frames that are empty, make no sense or mean nothing, in a second (CVE-2019-9513, CVE-2019-9518). */
  readonly maxIdleFramesPerSecond: number
  /** WINDOW_UPDATE beyond two for each frame of DATA that was worth one (CVE-2019-9511, CVE-2019-9517), in a second. */
  readonly maxWindowUpdatesPerSecond: number
  /** What is written ahead for a client that does not read; it is not read from either then. */
  readonly maxUnsentBytes: number
}

export const http2Limits: Http2Limits = {
  maxConcurrentStreams: 128,
  maxHeaderListBytes: 64 * 1024,
  maxHeaderFields: 500,
  windowBytes: 128 * 1024,
  connectionWindowBytes: 1024 * 1024,
  maxResetsPerSecond: 100,
  maxControlFramesPerSecond: 200,
  maxIdleFramesPerSecond: 500,
  maxWindowUpdatesPerSecond: 500,
  maxUnsentBytes: 256 * 1024,
}
