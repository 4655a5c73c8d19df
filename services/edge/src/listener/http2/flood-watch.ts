/** Counts what a client can have too much of on one connection, as `Http2Limits` says. */
import { FloodFence } from '../flood-fence.ts'
import type { Http2Limits } from '../http2-limits.ts'

/** What a connection is cut off for. */
export type Http2Flood = 'resets' | 'pings' | 'settings' | 'empty_frames' | 'continuations' | 'window_updates'

/** A frame of DATA that a narrow window has cut to less is worth no WINDOW_UPDATE. */
const smallFrame = 256
/** WINDOW_UPDATEs that may come for what was sent before. */
const maxCredit = 10_000

export class FloodWatch {
  private readonly resets: FloodFence
  private readonly controlFrames: FloodFence
  private readonly idleFrames: FloodFence
  private readonly windowUpdates: FloodFence
  private windowCredit = 0
  private readonly onFlood: (kind: Http2Flood) => void

  constructor(limits: Http2Limits, onFlood: (kind: Http2Flood) => void) {
    this.onFlood = onFlood
    this.resets = new FloodFence(limits.maxResetsPerSecond)
    this.controlFrames = new FloodFence(limits.maxControlFramesPerSecond)
    this.idleFrames = new FloodFence(limits.maxIdleFramesPerSecond)
    this.windowUpdates = new FloodFence(limits.maxWindowUpdatesPerSecond)
  }

  /** A frame of DATA went out; `isCut`: a window was too narrow for more of it. */
  noteSent(bytes: number, isCut: boolean): void {
    if (this.windowCredit < maxCredit && !(isCut && bytes < smallFrame)) this.windowCredit += 2
  }

  countReset(): void {
    this.count(this.resets, 'resets')
  }

  countControlFrame(kind: 'pings' | 'settings'): void {
    this.count(this.controlFrames, kind)
  }

  countIdleFrame(): void {
    this.count(this.idleFrames, 'empty_frames')
  }

  countWindowUpdate(): void {
    if (this.windowCredit > 0) this.windowCredit--
    else this.count(this.windowUpdates, 'window_updates')
  }

  private count(fence: FloodFence, kind: Http2Flood): void {
    if (fence.isTooMuch(performance.now())) this.onFlood(kind)
  }
}
