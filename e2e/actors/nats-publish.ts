// What a backend needs to say something on the bus: a line of text on a socket.
import { once } from 'node:events'
import { connect } from 'node:net'

/** Publishes and resolves once the server has taken it. */
export async function publishOn(natsUrl: string, subject: string, payload: string): Promise<void> {
  const { hostname, port } = new URL(natsUrl)
  const socket = connect(Number(port), hostname)
  let said = ''
  socket.setEncoding('utf8').on('data', (text: string) => (said += text))
  socket.write(`CONNECT {"verbose":false}\r\nPUB ${subject} ${Buffer.byteLength(payload)}\r\n${payload}\r\nPING\r\n`)
  while (!said.includes('PONG') && !said.includes('-ERR')) await once(socket, 'data')
  socket.destroy()
  if (said.includes('-ERR')) throw new Error(`NATS refused: ${said}`)
}
