/** What was read into the shared buffer, for a reader that keeps it: the next read overwrites it. */
import type { AttemptHandler } from './upstream-client.ts'

/** A copy of a large read that its reader is done with: a stream of large reads needs no new memory while the client keeps up. */
let spareCopy: Buffer | undefined
const largeRead = 32 * 1024
const largestRead = 64 * 1024

/** Gives the reader a copy of `piece`. */
export function handOnCopy(handler: AttemptHandler, piece: Buffer): void {
  if (piece.length < largeRead) {
    handler.onData(Buffer.from(piece))
    return
  }
  const memory = spareCopy ?? Buffer.allocUnsafeSlow(largestRead)
  spareCopy = undefined
  piece.copy(memory)
  if (handler.onData(memory.subarray(0, piece.length))) spareCopy = memory
}
