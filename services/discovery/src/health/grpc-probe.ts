/** Asks a gRPC server how it is, by its health checking protocol (grpc.health.v1.Health/Check), over a connection of its own. */
import { connect } from 'node:http2'
import type { Socket } from 'node:net'

const serving = 1
/** An answer has a few bytes; more is none. */
const maxAnswerBytes = 4096

/**
 * Resolves with undefined when the service says that it serves, else with why not. Rejects when it cannot be asked. `socket`, plain
 * or with TLS, is just being opened; it is closed at the end.
 */
export function probeGrpc(socket: Socket, service: string, signal: AbortSignal): Promise<string | undefined> {
  const unreachable = Promise.withResolvers<never>()
  // Before the session's own listener: it would say only that its stream was cancelled.
  socket.once('error', unreachable.reject)
  const session = connect('http://localhost', { createConnection: () => socket })
  const abort = () => session.destroy(new Error('the probe was ended'))
  signal.addEventListener('abort', abort, { once: true })
  const asked = new Promise<string | undefined>((resolve, reject) => {
    session.on('error', reject)
    const stream = session.request({ ':method': 'POST', ':path': '/grpc.health.v1.Health/Check', 'content-type': 'application/grpc', te: 'trailers' })
    let status = 0
    let grpcStatus: unknown
    let answer = Buffer.alloc(0)
    stream.on('error', reject)
    stream.on('response', (fields) => {
      status = fields[':status'] ?? 0
      grpcStatus = fields['grpc-status'] ?? grpcStatus
    })
    stream.on('trailers', (fields) => (grpcStatus = fields['grpc-status'] ?? grpcStatus))
    stream.on('data', (piece: Buffer) => (answer = Buffer.concat([answer, piece]).subarray(0, maxAnswerBytes)))
    stream.on('end', () => resolve(verdictOf(status, String(grpcStatus), answer)))
    stream.end(question(service))
  })
  return Promise.race([unreachable.promise, asked]).finally(() => {
    signal.removeEventListener('abort', abort)
    session.destroy()
    socket.destroy()
  })
}

/** A length-prefixed message (gRPC over HTTP/2) with the service's name as its first field. */
function question(service: string): Buffer {
  const name = Buffer.from(service)
  const message = name.length === 0 ? name : Buffer.concat([Buffer.from([0x0a, name.length]), name])
  const prefix = Buffer.alloc(5)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function verdictOf(status: number, grpcStatus: string, answer: Buffer): string | undefined {
  if (status !== 200) return `the probe was answered ${status}`
  if (grpcStatus !== '0') return `the probe was answered with gRPC status ${grpcStatus}`
  // Field 1, a number: the whole message but for what later versions may add.
  const health = answer.length >= 7 && answer[5] === 0x08 ? answer[6]! : 0
  return health === serving ? undefined : `the service says that it does not serve (${['unknown', 'serving', 'not serving', 'service unknown'][health] ?? health})`
}
