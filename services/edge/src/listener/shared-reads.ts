/**
 * Accepted sockets read into one buffer that all share (`onread` of `node:net`): no Buffer and no stream event for each
 * read, a quarter of what a request costs in Node's own layers. `net.Server` makes its sockets without it, so the
 * connection goes over to a socket made here. Such a socket is an ordinary stream until somebody reads it directly.
 */
import { Socket, type Server } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Holds what was read from its beginning up to `length`, until the call returns. */
export type OnBytes = (shared: Buffer, length: number) => void

/** What `node:net` keeps of a socket and does not type. */
interface Internals {
  _handle: { useUserBuffer?(buffer: Buffer): void } | null
  _server: Server | null
}

interface Reader {
  onBytes: OnBytes | undefined
}

const shared = Buffer.allocUnsafeSlow(64 * 1024)
const readers = new WeakMap<Socket, Reader>()
/** Where `node:net` keeps what `onread` gave it. */
const [bufferKey, callbackKey] = ['kBuffer', 'kBufferCb'].map((name) => Object.getOwnPropertySymbols(new Socket()).find(({ description }) => description === name))

/** The same connection as a socket that can be read directly. Call it before anything is done with `accepted`. */
export function takeOver(accepted: Socket): Socket {
  const from = accepted as Socket & Partial<Internals>
  const { _handle: handle, _server: server } = from
  if (handle === undefined || handle === null || server === undefined) return accepted
  from._handle = null
  const reader: Reader = { onBytes: undefined }
  const callback = (length: number): boolean => handOn(socket, reader, length)
  const socket: Socket & Partial<Internals> = new Socket({ handle, allowHalfOpen: accepted.allowHalfOpen, onread: { buffer: shared, callback } } as never)
  // The server counts its connections by it, and closes once there are none.
  socket._server = server
  from._server = null
  readers.set(socket, reader)
  return socket
}

function handOn(socket: Socket, reader: Reader, length: number): boolean {
  if (reader.onBytes === undefined) return socket.push(Buffer.from(shared.subarray(0, length)))
  reader.onBytes(shared, length)
  return true
}

/** From here on reads go to `onBytes` instead of the stream; false: the socket was not taken over, and is only a stream. */
export function readDirectly(socket: Socket, onBytes: OnBytes): boolean {
  const reader = readers.get(socket) ?? (socket instanceof TLSSocket ? shareDecrypted(socket) : undefined)
  if (reader !== undefined) reader.onBytes = onBytes
  return reader !== undefined
}

/** A server's TLS sockets are made without `onread`, too, and are what they are: so they are told afterwards, as `node:net` tells its own. */
function shareDecrypted(socket: TLSSocket): Reader | undefined {
  const { _handle: handle } = socket as TLSSocket & Partial<Internals>
  if (bufferKey === undefined || callbackKey === undefined || handle?.useUserBuffer === undefined) return undefined
  const reader: Reader = { onBytes: undefined }
  handle.useUserBuffer(shared)
  Object.assign(socket, { [bufferKey]: shared, [callbackKey]: (length: number) => handOn(socket, reader, length) })
  readers.set(socket, reader)
  return reader
}

/** What came before anybody read the socket, directly or as a stream. */
export function takeUnread(socket: Socket, onChunk: (chunk: Buffer) => void): void {
  for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null) onChunk(chunk)
}

/** Makes the socket a stream again. */
export function readAsStream(socket: Socket): void {
  const reader = readers.get(socket)
  if (reader !== undefined) reader.onBytes = undefined
}
