/**
 * What is known of an exchange when it has ended, however it ended. The pipeline fills one and hands it to
 * `Telemetry.record`, which keeps nothing of it: the same object may be filled again for the next exchange.
 */
export interface FinishedExchange {
  /** When its head had been read; ms since the Unix epoch. */
  startedAtMs: number
  method: string
  /** The normalised path, without the query: a query may hold secrets. */
  path: string
  /** The path as the route writes it; empty when no route matched. */
  template: string
  /** As sent; 499 when the client left before the response was complete. */
  status: number
  /** Of the request's body. */
  bytesIn: number
  /** Of the response's body. */
  bytesOut: number
  totalMs: number
  /** The gateway's share of it: without waiting for the upstream or the client. */
  gatewayMs: number
  /** All attempts together; undefined when there was none. */
  upstreamMs: number | undefined
  /** The client's address. */
  client: string
  requestId: string
  /** 32 hexadecimal digits. */
  traceId: string | undefined
  consumer: string | undefined
  /** The credential's id. */
  credential: string | undefined
  route: string | undefined
  upstream: string | undefined
  endpoint: string | undefined
  /** `X-Cache-Status`. */
  cache: string | undefined
  /** How the tightest limit was decided. */
  limit: string | undefined
  /** How policies in shadow would have ended it: `NAME:CODE`, or `NAME:STATUS` of an answer. */
  shadow?: string | undefined
  /** A code of the catalogue, when the gateway made the response. */
  reason: string | undefined
  /** A policy of the gateway refused it: it is counted apart from what the consumer used. */
  refused: boolean
  /** Of the configuration it ran under. */
  revision: number
  /** Ms spent in each phase, by its place in `phaseNames`; 0 where it did not run. */
  phases?: Float64Array | undefined
}
