/**
 * The floor: bytes from one socket to another, with nobody reading them. Arguments: port, upstream port, and `shared` for
 * sockets that read into one buffer, as the gateway's do; otherwise `data` events.
 */
import { connect, createServer, type Socket } from 'node:net'
import { readDirectly, takeOver } from '../../services/edge/src/listener/shared-reads.ts'

const [port, upstreamPort, reading] = process.argv.slice(2)
const buffer = Buffer.allocUnsafeSlow(64 * 1024)
const target = { host: '127.0.0.1', port: Number(upstreamPort), noDelay: true }

createServer({ noDelay: true }, (accepted) => (reading === 'shared' ? relayShared(takeOver(accepted)) : relay(accepted))).listen(Number(port), '127.0.0.1')

function relay(client: Socket): void {
  const upstream = connect(target)
  client.on('data', (piece) => upstream.write(piece))
  upstream.on('data', (piece) => client.write(piece))
  endTogether(client, upstream)
}

function relayShared(client: Socket): void {
  const callback = (length: number): boolean => {
    client.write(buffer.toString('latin1', 0, length), 'latin1')
    return true
  }
  const upstream = connect({ ...target, onread: { buffer, callback } } as never)
  readDirectly(client, (bytes, length) => void upstream.write(bytes.toString('latin1', 0, length), 'latin1'))
  client.resume()
  endTogether(client, upstream)
}

function endTogether(client: Socket, upstream: Socket): void {
  for (const [one, other] of [[client, upstream], [upstream, client]] as const) one.on('error', () => undefined).on('close', () => other.destroy())
}
