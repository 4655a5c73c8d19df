/** A body on its way, copied as it passes. What all of them hold together has a limit, too. */
export interface GatheringRoom {
  /** Whether so many bytes more may be held; they are, then. */
  reserve(bytes: number): boolean
  free(bytes: number): void
}

export class GatheredBody {
  readonly #room: GatheringRoom
  readonly #maxBytes: number
  /** Of a body whose length is known. */
  readonly #whole: Buffer | undefined
  readonly #pieces: Buffer[] = []
  #bytes = 0
  #reserved = 0

  private constructor(room: GatheringRoom, maxBytes: number, whole: Buffer | undefined, reserved: number) {
    this.#room = room
    this.#maxBytes = maxBytes
    this.#whole = whole
    this.#reserved = reserved
  }

  /** Undefined: it is too long, or there is no room now. `declaredBytes` is -1 when its length is not known. */
  static open(room: GatheringRoom, maxBytes: number, declaredBytes: number): GatheredBody | undefined {
    if (declaredBytes > maxBytes) return undefined
    const expected = Math.max(0, declaredBytes)
    if (!room.reserve(expected)) return undefined
    return new GatheredBody(room, maxBytes, declaredBytes > 0 ? Buffer.allocUnsafeSlow(declaredBytes) : undefined, expected)
  }

  /** False: it is too long, and given up. The piece's memory is the caller's. */
  take(piece: Uint8Array): boolean {
    const bytes = this.#bytes + piece.length
    if (bytes > this.#maxBytes || (this.#whole !== undefined && bytes > this.#whole.length)) return this.#giveUp()
    if (this.#whole !== undefined) this.#whole.set(piece, this.#bytes)
    else {
      if (!this.#room.reserve(piece.length)) return this.#giveUp()
      this.#reserved += piece.length
      this.#pieces.push(Buffer.from(piece))
    }
    this.#bytes = bytes
    return true
  }

  /** The body, once it has ended; undefined when it is not all there. */
  complete(): Buffer | undefined {
    this.abandon()
    if (this.#whole !== undefined) return this.#bytes === this.#whole.length ? this.#whole : undefined
    const body = Buffer.allocUnsafeSlow(this.#bytes)
    let at = 0
    for (const piece of this.#pieces) at += piece.copy(body, at)
    return body
  }

  abandon(): void {
    this.#room.free(this.#reserved)
    this.#reserved = 0
  }

  #giveUp(): false {
    this.abandon()
    return false
  }
}
