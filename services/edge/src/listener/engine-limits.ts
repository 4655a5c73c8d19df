/** How long and how much a client's connection may take. Bytes and milliseconds. */
export interface EngineLimits {
  /** From the first byte of a request's head to its last. */
  readonly headMs: number
  /** Between two requests. */
  readonly keepAliveMs: number
  /** Without a byte of a body that is waited for: the client is gone or means harm. */
  readonly bodyMs: number
  /** Until the client has taken what was written for it; what is written ahead is bounded, so this is a least rate. */
  readonly sendMs: number
  /** For the rest of a body that nobody wants any more, all of it. */
  readonly discardMs: number
  /** Between the gateway's last byte and the end of the connection, so that the client reads it before a reset. */
  readonly lingerMs: number
  /** How long an idle connection stays once the listener drains: a request may be on its way already. */
  readonly drainGraceMs: number
  readonly sweepMs: number
  readonly maxHeadBytes: number
  /** Of a body that nobody wants: reading past so much is cheaper than a new connection. */
  readonly maxDiscardBytes: number
  /** Read while lingering; whoever sends more is cut off. */
  readonly maxLingerBytes: number
}

export const engineLimits: EngineLimits = {
  headMs: 30_000,
  keepAliveMs: 75_000,
  bodyMs: 60_000,
  sendMs: 60_000,
  discardMs: 5000,
  lingerMs: 2000,
  drainGraceMs: 500,
  sweepMs: 250,
  maxHeadBytes: 64 * 1024,
  maxDiscardBytes: 64 * 1024,
  maxLingerBytes: 16 * 1024 * 1024,
}
