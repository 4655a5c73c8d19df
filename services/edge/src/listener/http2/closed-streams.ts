/** How streams ended that a client may still send frames for (RFC 9113 §5.1): the last ones of a connection. */

/** `reset`: by this side, whose notice may cross frames; `takenBack`: by the client; `ended`: both were through. */
export type StreamEnd = 'reset' | 'takenBack' | 'ended'

/** More than can be under way at once. */
const kept = 256

export class ClosedStreams {
  private ids: number[] = []
  private ends: StreamEnd[] = []
  private next = 0

  add(id: number, end: StreamEnd): void {
    this.ids[this.next] = id
    this.ends[this.next] = end
    this.next = (this.next + 1) % kept
  }

  endOf(id: number): StreamEnd | undefined {
    const at = this.ids.lastIndexOf(id)
    return at < 0 ? undefined : this.ends[at]
  }
}
