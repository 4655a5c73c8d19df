import { Tunnel, type TunnelEnds, type TunnelWatcher } from './tunnel.ts'

const sweepMs = 250

/** The open tunnels of a worker; one sweep looks after the deadlines of all of them. */
export class Tunnels {
  private readonly open = new Set<Tunnel>()
  private readonly now: () => number
  private sweeper: NodeJS.Timeout | undefined

  constructor(now: () => number) {
    this.now = now
  }

  /** Joins two sides until one of them closes, or nothing has come either way for `idleMs`. */
  join(ends: TunnelEnds, idleMs: number, watcher: TunnelWatcher): void {
    const tunnel = new Tunnel(ends, idleMs, this.now, watcher, this.onClosed)
    this.open.add(tunnel)
    this.sweeper ??= setInterval(() => this.sweep(), sweepMs).unref()
    tunnel.open()
  }

  private sweep(): void {
    const now = this.now()
    for (const tunnel of this.open) tunnel.checkDeadline(now)
  }

  private readonly onClosed = (tunnel: Tunnel): void => {
    this.open.delete(tunnel)
    if (this.open.size > 0) return
    clearInterval(this.sweeper)
    this.sweeper = undefined
  }
}
