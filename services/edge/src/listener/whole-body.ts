/** A request's body as a whole: read ahead for a policy, and sent on all the same. */
import { Readable } from 'node:stream'
import type { ClientSide } from './client-side.ts'

interface Reading {
  readonly clientSide: ClientSide
  readonly request: { readonly declaredBytes: number | undefined }
  bytesIn: number
  keptBody: Buffer | null | undefined
}

/**
 * The body, which stays on the exchange to be sent on; undefined when it is longer than `maxBytes`, or its end never
 * comes. One whose length only shows on the way is lost then, and the connection ends after the answer.
 */
export async function readWhole(exchange: Reading, maxBytes: number): Promise<Buffer | undefined> {
  const { clientSide, request, keptBody } = exchange
  if (keptBody !== undefined) return keptBody !== null && keptBody.length <= maxBytes ? keptBody : undefined
  if (request.declaredBytes === 0) return Buffer.alloc(0)
  if (request.declaredBytes !== undefined && request.declaredBytes > maxBytes) return undefined
  const pieces: Uint8Array[] = []
  const isWithin = (bytesSoFar: number): boolean => {
    exchange.bytesIn = bytesSoFar
    return bytesSoFar <= maxBytes
  }
  try {
    for await (const piece of clientSide.body(isWithin)) pieces.push(piece as Uint8Array)
    exchange.keptBody = Buffer.concat(pieces)
    return exchange.keptBody
  } catch {
    exchange.keptBody = null
    clientSide.closeAfterwards()
    return undefined
  }
}

/** A body that was read ahead, on its way upstream as one that arrives; `null`: it was lost. */
export class KeptBody extends Readable {
  private readonly whole: Buffer | null
  private readonly admit: (bytesSoFar: number, piece: Uint8Array) => boolean

  constructor(whole: Buffer | null, admit: (bytesSoFar: number, piece: Uint8Array) => boolean) {
    super()
    this.whole = whole
    this.admit = admit
  }

  override _read(): void {
    const { whole } = this
    if (whole === null) this.destroy(new Error('the body was too long to be read ahead'))
    else if (whole.length > 0 && !this.admit(whole.length, whole)) this.destroy(new Error('the body was refused on its way'))
    else {
      if (whole.length > 0) this.push(whole)
      this.push(null)
    }
  }
}
