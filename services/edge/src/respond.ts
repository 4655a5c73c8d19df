/** A response on its way to the client: the response policies see it, then its head is sent. A policy that throws is logged and keeps nothing back. */
import type { Logger } from '@sluice/service-kit'
import type { EdgeExchange } from './exchange.ts'
import { runResponseHooks, showResponseBody } from './policy-chain/policy-chain.ts'
import { writeResponseFields } from './responder/response-fields.ts'

/** The walk whose response it is. */
export interface RespondingWalk {
  readonly exchange: EdgeExchange
  readonly logger: Logger
  /** Of the response's body; -1 when it is not known. */
  readonly expectedBytes: number
  fail(error: unknown): void
}

/** Runs the response policies and sends the head; then `afterHead`, where there is something to do at once. */
export function respond(walk: RespondingWalk, afterHead?: () => void): void {
  const { exchange } = walk
  exchange.stage = 'responding'
  const pending = runResponsePolicies(walk)
  if (pending === undefined) {
    sendHead(walk)
    afterHead?.()
    return
  }
  exchange.attempt?.pause()
  pending.then(
    () => {
      if (exchange.isOver) return
      sendHead(walk)
      afterHead?.()
      exchange.attempt?.resume()
    },
    (error: unknown) => walk.fail(error),
  )
}

/** A response policy that fails leaves the response to the ones above it; the exchange is answered all the same. */
export function runResponsePolicies(walk: RespondingWalk): void | Promise<void> {
  try {
    return runResponseHooks(walk.exchange)
  } catch (error) {
    logFailure(walk, error)
  }
}

/** A policy that fails on a piece of the response changes nothing of it. */
export function showPiece(walk: RespondingWalk, piece: Uint8Array): void {
  try {
    showResponseBody(walk.exchange, piece)
  } catch (error) {
    logFailure(walk, error)
  }
}

function logFailure({ exchange, logger }: RespondingWalk, error: unknown): void {
  logger.error({ err: error, requestId: exchange.requestId }, 'a response policy failed')
}

function sendHead({ exchange, expectedBytes }: RespondingWalk): void {
  const { status, headers } = exchange.response!
  writeResponseFields(headers, exchange)
  exchange.status = status
  exchange.headSent = true
  exchange.clientSide.sendHead(status, headers.flat, expectedBytes < 0)
}
