import { connect } from 'node:net'
import { text } from 'node:stream/consumers'

/** Sends these bytes over a connection of its own and returns everything that comes back until the other side closes. */
export async function sendRaw(url: string, bytes: string): Promise<string> {
  const { hostname, port } = new URL(url)
  const socket = connect(Number(port), hostname)
  socket.write(bytes)
  return text(socket)
}
