/** How much a worker has open at one endpoint that speaks HTTP/2. Bytes and milliseconds. */
export interface Http2PoolLimits {
  readonly maxSessions: number
  /** On one connection, should the endpoint allow more. */
  readonly maxStreams: number
  /** Requests that wait, `connectMs` at most; those beyond are refused at once. */
  readonly maxWaiting: number
  /** For a connection that nobody uses. */
  readonly idleMs: number
  /** Silence after which a connection is asked for a sign of life along with its next request. */
  readonly quietMs: number
  /** For the sign of life. */
  readonly pingMs: number
  /** Silence after which the system probes a connection, twice as long as it may take to find out that the other host is gone. */
  readonly keepAliveMs: number
  /** Of one stream: what an endpoint may send before somebody takes it. */
  readonly windowBytes: number
  /** Of all streams of a connection together: how much may be on its way. */
  readonly connectionWindowBytes: number
  /** What the protocol's library may hold for one connection, in MB. */
  readonly maxSessionMb: number
  readonly maxHeaderListBytes: number
  readonly maxHeaderFields: number
}

export const http2PoolLimits: Http2PoolLimits = {
  maxSessions: 64,
  maxStreams: 128,
  maxWaiting: 16_384,
  idleMs: 60_000,
  quietMs: 10_000,
  pingMs: 10_000,
  keepAliveMs: 10_000,
  windowBytes: 128 * 1024,
  connectionWindowBytes: 1024 * 1024,
  maxSessionMb: 64,
  maxHeaderListBytes: 64 * 1024,
  maxHeaderFields: 500,
}
