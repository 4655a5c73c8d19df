/** The streams of one connection by their numbers (RFC 9113 §5.1.1): which are open, how the last ones ended, which were never used. */
import { ClosedStreams, type StreamEnd } from './closed-streams.ts'
import { most } from './frames.ts'
import type { SessionStream } from './session-stream.ts'

export class StreamTable {
  /** The last number that the client has used. */
  lastId = 0
  /** Beyond this number no streams are taken any more. */
  endsAfter = most
  private readonly open = new Map<number, SessionStream>()
  private readonly closed = new ClosedStreams()

  get size(): number {
    return this.open.size
  }

  find(id: number): SessionStream | undefined {
    return this.open.get(id)
  }

  isOpen(stream: SessionStream): boolean {
    return this.open.get(stream.id) === stream
  }

  all(): Iterable<SessionStream> {
    return this.open.values()
  }

  add(stream: SessionStream): void {
    this.open.set(stream.id, stream)
  }

  /** False: it was not open. */
  remove(stream: SessionStream, end: StreamEnd): boolean {
    if (!this.open.delete(stream.id)) return false
    this.closed.add(stream.id, end)
    return true
  }

  /** For a request that becomes no stream. */
  noteReset(id: number): void {
    this.closed.add(id, 'reset')
  }

  endOf(id: number): StreamEnd | undefined {
    return this.closed.endOf(id)
  }

  /** Nothing has been begun under this number; even ones are the server's, and it begins none. */
  isUnused(id: number): boolean {
    return id > this.lastId || (id & 1) === 0
  }

  /** Takes all that are open out of it. */
  empty(): SessionStream[] {
    const streams = [...this.open.values()]
    this.open.clear()
    return streams
  }
}
