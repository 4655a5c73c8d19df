/**
 * Frames on their way to a client's socket. What one turn of the event loop brings for a connection, the answers of many
 * upstreams among it, leaves in one write, and so in few TLS records.
 */
import type { Socket } from 'node:net'
import type { TextWriter } from '../../text-writer.ts'

/** Worth a write of their own. */
const fullBytes = 64 * 1024

/** The outboxes of a worker that have something to send, sent together at the end of the turn. */
export class SendRound {
  private due: Outbox[] = []

  add(outbox: Outbox): void {
    if (this.due.push(outbox) === 1) setImmediate(this.run)
  }

  private readonly run = (): void => {
    const { due } = this
    this.due = []
    for (const outbox of due) outbox.flush()
  }
}

export class Outbox {
  private readonly socket: Socket
  private readonly writer: TextWriter
  private readonly round: SendRound
  /** Frames as text, behind `pieces`. */
  private text = ''
  private pieces: (string | Uint8Array)[] = []
  private bytes = 0
  private isDue = false

  constructor(socket: Socket, writer: TextWriter, round: SendRound) {
    this.socket = socket
    this.writer = writer
    this.round = round
  }

  /** Bytes that have not left the process. */
  get unsent(): number {
    return this.bytes + this.socket.writableLength
  }

  /** `frames`: one character a byte. */
  add(frames: string): void {
    this.text += frames
    this.note(frames.length)
  }

  /** A frame of DATA, its content not copied. */
  addContent(head: string, content: Uint8Array): void {
    this.pieces.push(this.text + head, content)
    this.text = ''
    this.note(head.length + content.length)
  }

  flush(): void {
    this.isDue = false
    const { socket, text, pieces } = this
    if (this.bytes === 0) return
    this.bytes = 0
    this.text = ''
    if (socket.destroyed || !socket.writable) {
      this.pieces = []
      return
    }
    if (pieces.length === 0) return this.writer.write(text)
    this.pieces = []
    socket.cork()
    for (const piece of pieces) {
      if (typeof piece === 'string') socket.write(piece, 'latin1')
      else socket.write(piece)
    }
    if (text !== '') socket.write(text, 'latin1')
    socket.uncork()
  }

  private note(bytes: number): void {
    this.bytes += bytes
    if (this.bytes >= fullBytes) this.flush()
    else if (!this.isDue) {
      this.isDue = true
      this.round.add(this)
    }
  }
}
