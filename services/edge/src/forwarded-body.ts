/** A request's body as attempts read it: each piece is counted, copied for a shadow upstream, and shown to the policies that look at bodies, before it passes. */
import type { Readable } from 'node:stream'
import { KeptBody } from './listener/whole-body.ts'
import { answerAsDecided, cutShort, type AnsweredWalk } from './own-answers.ts'
import { runBodyHooks } from './policy-chain/policy-chain.ts'
import type { MirroredBody } from './upstream/mirrors.ts'

/** The walk whose request it belongs to. */
export interface ForwardingWalk extends AnsweredWalk {
  /** Waits for the body, to be sent to a shadow upstream with it. */
  readonly copy: MirroredBody | undefined
  abandonAttempt(): void
}

/** The body that arrives, or what a policy has read ahead of it. Taken once. */
export function forwardedBody(walk: ForwardingWalk): Readable {
  const { keptBody, clientSide } = walk.exchange
  const onPiece = (bytesSoFar: number, piece: Uint8Array): boolean => pass(walk, bytesSoFar, piece)
  return keptBody === undefined ? clientSide.body(onPiece) : new KeptBody(keptBody, onPiece)
}

/** False ends it. */
function pass(walk: ForwardingWalk, bytesSoFar: number, piece: Uint8Array): boolean {
  const { exchange } = walk
  exchange.bytesIn = bytesSoFar
  walk.copy?.take(piece)
  if (!exchange.route.seesBody) return true
  const decision = runBodyHooks(exchange, bytesSoFar, piece)
  if (decision === undefined) return true
  walk.abandonAttempt()
  exchange.clientSide.closeAfterwards()
  if (exchange.headSent) cutShort(walk, decision.kind === 'refusal' ? decision.code : 'client.body_too_large')
  else answerAsDecided(walk, decision)
  return false
}
