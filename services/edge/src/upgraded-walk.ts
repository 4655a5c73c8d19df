/** What a walk becomes once its endpoint has agreed to another protocol: the client is told so, and the two ends are joined until one of them closes. */
import type { HeaderFields } from '@sluice/http'
import type { Duplex } from 'node:stream'
import { cleanUpstreamFields, writeResponseFields } from './responder/response-fields.ts'
import { runResponsePolicies, type RespondingWalk } from './respond.ts'
import type { Tunnel, TunnelWatcher } from './upgrade/tunnel.ts'
import type { Tunnels } from './upgrade/tunnels.ts'

/** The walk up to there. */
export interface UpgradingWalk extends RespondingWalk {
  /** Nothing more of the attempt will come. */
  endAttempt(): void
  finish(): void
}

export class UpgradedWalk implements TunnelWatcher {
  private readonly walk: UpgradingWalk
  private readonly tunnels: Tunnels
  private readonly upstreamEnd: Duplex

  constructor(walk: UpgradingWalk, tunnels: Tunnels, upstreamEnd: Duplex) {
    this.walk = walk
    this.tunnels = tunnels
    this.upstreamEnd = upstreamEnd
  }

  /** `fields`: of the endpoint's 101. */
  begin(headers: HeaderFields): void {
    const { exchange } = this.walk
    cleanUpstreamFields(headers)
    exchange.response = { status: 101, headers }
    exchange.stage = 'responding'
    const pending = runResponsePolicies(this.walk)
    if (pending === undefined) this.join()
    else pending.then(() => this.join(), (error: unknown) => this.walk.fail(error))
  }

  /** The exchange ends before its time. */
  destroy(): void {
    this.upstreamEnd.destroy()
  }

  onTunnelOver({ bytesFromClient, bytesFromUpstream, wasIdle }: Tunnel): void {
    const { exchange } = this.walk
    exchange.bytesIn = bytesFromClient
    exchange.bytesOut = bytesFromUpstream
    if (wasIdle) exchange.reason = 'upstream.idle_timeout'
    this.walk.endAttempt()
    this.walk.finish()
  }

  private join(): void {
    const { exchange } = this.walk
    if (exchange.isOver) {
      this.destroy()
      return this.walk.endAttempt()
    }
    const { headers } = exchange.response!
    writeResponseFields(headers, exchange)
    exchange.status = 101
    exchange.headSent = true
    const client = exchange.clientSide.switchProtocols(headers.flat)
    this.tunnels.join({ client, upstream: this.upstreamEnd }, exchange.route.upstream!.settings.timeouts.idleMs, this)
  }
}
