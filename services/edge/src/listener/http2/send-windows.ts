/**
 * What a client takes of the responses to it (RFC 9113 §5.2): a window for each stream and one for the connection. A stream that cannot send what
 * it has, because of a window or of the socket, waits for its turn.
 */
import { firstWindow } from './client-settings.ts'
import { most } from './frames.ts'

export interface SendingStream {
  /** What its client takes by its own window. */
  sendWindow: number
  /** There is room for more. */
  onRoom(): void
}

export class SendWindows {
  /** What the client takes of all responses together. */
  connection = firstWindow
  private readonly waiting = new Set<SendingStream>()

  /** So much has been sent. */
  take(stream: SendingStream, bytes: number): void {
    stream.sendWindow -= bytes
    this.connection -= bytes
  }

  /** Puts a stream at the end of those that wait. */
  wait(stream: SendingStream): void {
    this.waiting.delete(stream)
    this.waiting.add(stream)
  }

  stopWaiting(stream: SendingStream): void {
    this.waiting.delete(stream)
  }

  /** Lets those that wait send. */
  wake(): void {
    if (this.waiting.size > 0) for (const stream of [...this.waiting]) stream.onRoom()
  }

  /** The client takes more of all; false: more than a window can be. */
  widen(increment: number): boolean {
    this.connection += increment
    if (this.connection > most) return false
    this.wake()
    return true
  }

  /** The client takes more of one; false: more than a window can be. */
  widenOne(stream: SendingStream, increment: number): boolean {
    stream.sendWindow += increment
    if (stream.sendWindow > most) return false
    if (this.waiting.has(stream)) stream.onRoom()
    return true
  }

  /** Another first window is another window for every stream (§6.9.2); false: more than one can be. Nobody is told of room yet. */
  widenAll(streams: Iterable<SendingStream>, change: number): boolean {
    if (change === 0) return true
    for (const stream of streams) {
      stream.sendWindow += change
      if (stream.sendWindow > most) return false
    }
    return true
  }

  clear(): void {
    this.waiting.clear()
  }
}
