/**
 * Accepted sockets read into one buffer that all share (`onread` of `node:net`): no Buffer and no stream event for each
 * read, a quarter of what a request costs in Node's own layers. `net.Server` makes its sockets without it, so the
 * connection goes over to a socket made here. Such a socket is an ordinary stream until somebody reads it directly.
 */
import { Socket, type Server } from 'node:net'

/** Holds what was read from its beginning up to `length`, until the call returns. */
export type OnBytes = (shared: Buffer, length: number) => void

/** What `node:net` keeps of a socket and does not type. */
interface Internals {
  _handle: object | null
  _server: Server | null
}

const shared = Buffer.allocUnsafeSlow(64 * 1024)
const readers = new WeakMap<Socket, { onBytes: OnBytes | undefined }>()

/** The same connection as a socket that can be read directly. Call it before anything is done with `accepted`. */
export function takeOver(accepted: Socket): Socket {
  const from = accepted as Socket & Partial<Internals>
  const { _handle: handle, _server: server } = from
  if (handle === undefined || handle === null || server === undefined) return accepted
  from._handle = null
  const reader: { onBytes: OnBytes | undefined } = { onBytes: undefined }
  const callback = (length: number): boolean => {
    if (reader.onBytes === undefined) return socket.push(Buffer.from(shared.subarray(0, length)))
    reader.onBytes(shared, length)
    return true
  }
  const socket: Socket & Partial<Internals> = new Socket({ handle, allowHalfOpen: accepted.allowHalfOpen, onread: { buffer: shared, callback } } as never)
  // The server counts its connections by it, and closes once there are none.
  socket._server = server
  from._server = null
  readers.set(socket, reader)
  return socket
}

/** From here on reads go to `onBytes` instead of the stream; false: the socket was not taken over, and is only a stream. */
export function readDirectly(socket: Socket, onBytes: OnBytes): boolean {
  const reader = readers.get(socket)
  if (reader !== undefined) reader.onBytes = onBytes
  return reader !== undefined
}

/** Makes the socket a stream again. */
export function readAsStream(socket: Socket): void {
  const reader = readers.get(socket)
  if (reader !== undefined) reader.onBytes = undefined
}
