import type { ClientSide } from './client-side.ts'

interface Reading {
  readonly clientSide: ClientSide
  readonly request: { readonly declaredBytes: number | undefined }
  bytesIn: number
}

/** A request's whole body; undefined when it is longer than `maxBytes`, or its end never comes. Nothing is left of it then: the connection ends after the answer. */
export async function readWhole(exchange: Reading, maxBytes: number): Promise<Buffer | undefined> {
  const { clientSide, request } = exchange
  if (request.declaredBytes === 0) return Buffer.alloc(0)
  const pieces: Uint8Array[] = []
  const isWithin = (bytesSoFar: number): boolean => {
    exchange.bytesIn = bytesSoFar
    return bytesSoFar <= maxBytes
  }
  try {
    for await (const piece of clientSide.body(isWithin)) pieces.push(piece as Uint8Array)
    return Buffer.concat(pieces)
  } catch {
    clientSide.closeAfterwards()
    return undefined
  }
}
