/**
 * What becomes of an exchange whose protocol was changed (RFC 9110 §7.8): bytes pass both ways as they are, nobody
 * reads them. A side that is slower than the other holds it back, so that at most a socket's buffer is ever kept. The
 * first side that closes ends the tunnel: what was written for the other one still leaves, for a moment.
 */
import type { Duplex } from 'node:stream'

export interface TunnelEnds {
  readonly client: Duplex
  readonly upstream: Duplex
}

export interface TunnelWatcher {
  /** The client's side is closed, nothing more passes: what was carried, and why it ended. */
  onTunnelOver(tunnel: Tunnel): void
}

/** How long the other side may stay once it has been told that nothing more comes. */
const lingerMs = 5000

export class Tunnel {
  bytesFromClient = 0
  bytesFromUpstream = 0
  /** Whether it was ended because nothing came either way. */
  wasIdle = false
  private readonly ends: TunnelEnds
  private readonly idleMs: number
  private readonly now: () => number
  private readonly watcher: TunnelWatcher
  private readonly onBothClosed: (tunnel: Tunnel) => void
  private activeAt: number
  private endsAt = Infinity
  private closed = 0

  constructor(ends: TunnelEnds, idleMs: number, now: () => number, watcher: TunnelWatcher, onBothClosed: (tunnel: Tunnel) => void) {
    this.ends = ends
    this.idleMs = idleMs
    this.now = now
    this.watcher = watcher
    this.onBothClosed = onBothClosed
    this.activeAt = now()
  }

  /** Lets the bytes flow; those that were read already come first. */
  open(): void {
    const { client, upstream } = this.ends
    client.once('close', () => this.watcher.onTunnelOver(this))
    this.pass(client, upstream, (bytes) => (this.bytesFromClient += bytes))
    this.pass(upstream, client, (bytes) => (this.bytesFromUpstream += bytes))
  }

  /** Ends a tunnel that has been idle for too long, or whose other side does not close. */
  checkDeadline(nowMs: number): void {
    if (this.closed === 0 && nowMs - this.activeAt >= this.idleMs) {
      this.wasIdle = true
      this.destroy()
    } else if (nowMs >= this.endsAt) this.destroy()
  }

  private destroy(): void {
    this.ends.client.destroy()
    this.ends.upstream.destroy()
  }

  private pass(from: Duplex, to: Duplex, count: (bytes: number) => void): void {
    from.on('error', ignore)
    from.on('data', (piece: Buffer) => {
      this.activeAt = this.now()
      if (!to.writable) return
      count(piece.length)
      if (!to.write(piece)) from.pause()
    })
    to.on('drain', () => from.resume())
    from.on('end', () => to.end())
    if (from.closed) queueMicrotask(() => this.onClosed(to))
    else from.on('close', () => this.onClosed(to))
    from.resume()
  }

  /** What was written for the other side still leaves, then it has a moment to close. */
  private onClosed(other: Duplex): void {
    if (++this.closed === 2) return this.onBothClosed(this)
    this.endsAt = this.now() + this.idleMs
    other.end(() => (this.endsAt = this.now() + lingerMs))
    other.resume()
  }
}

function ignore(): void {
  // What went wrong on one side shows as its end.
}
