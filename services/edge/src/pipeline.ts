/**
 * The request's walk, phase by phase: listener → parser → client → router → policy-chain → balancer → upstream →
 * policy-chain → responder → telemetry. On routes with the policy `cache` that phase stands between the request policies
 * and the balancer. A phase answers at once whenever it can; only a policy that has to fetch something makes the walk wait.
 * `walk.ts` is the walk itself; `attempts.ts` is what it does at the upstream, what leaves it is in `own-answers.ts` and `upgraded-walk.ts`.
 */
import type { CompiledSnapshot } from './compiled-snapshot.ts'
import { EdgeExchange } from './exchange.ts'
import type { ClientSide } from './listener/client-side.ts'
import { refuseAtOnce } from './responder/refuse-at-once.ts'
import { Walk, type WalkingPipeline, type WalkParts } from './walk.ts'

export interface PipelineParts extends WalkParts {
  /** The snapshot that new exchanges go by; undefined before the first. */
  readonly snapshot: () => CompiledSnapshot | undefined
  /** `nowMs`: on the wall clock. */
  readonly requestId: (nowMs?: number) => string
}

export class Pipeline implements WalkingPipeline {
  readonly parts: PipelineParts
  open = 0

  constructor(parts: PipelineParts) {
    this.parts = parts
  }

  /** Begins the walk of one exchange. Never throws. */
  begin(client: ClientSide): void {
    const { clock, requestId } = this.parts
    const snapshot = this.parts.snapshot()
    if (snapshot === undefined) {
      refuseAtOnce(client, 'internal.starting', requestId())
      return
    }
    this.open++
    const now = clock.now()
    new Walk(this, new EdgeExchange(client, snapshot, requestId(now), now, clock.monotonic())).start()
  }
}
