/**
 * Texts written to a plain socket past its stream. A message of HTTP/1.1 is mostly one short text that the kernel takes at once:
 * then Node's stream has nothing to keep, and its bookkeeping for each write costs as much as all of the gateway's telemetry. What
 * the kernel does not take at once waits in libuv's queue, and what is written meanwhile goes through the stream, behind it.
 */
import { Socket } from 'node:net'
import { getSystemErrorName } from 'node:util'

/** Where `node:net` itself writes to. */
interface Handle {
  /** 0: written; below: an error's number; an object: it is on its way. */
  writeLatin1String(request: null, text: string): number | PendingWrite
}

interface PendingWrite {
  handle: Handle
  oncomplete: (status: number) => void
  /** Set when it was over before anybody could be told. */
  writeStatus: number | null
}

/** A longer text is not tried at once by Node. */
const maxLength = 16 * 1024
const isKnownNode = writesWithoutRequest()

export class TextWriter {
  private readonly socket: Socket & { readonly _handle?: Handle | null }
  private readonly isDirect: boolean
  /** Something written here is on its way. */
  private isBehind = false

  /** `encrypted`: under TLS one write has to end before the next one begins, which only the stream sees to. */
  constructor(socket: Socket, encrypted: boolean) {
    this.socket = socket
    this.isDirect = isKnownNode && !encrypted
  }

  /** As `socket.write(text, 'latin1')`, in the order of the calls of both. */
  write(text: string): void {
    const { socket } = this
    const handle = socket._handle
    if (!this.isDirect || this.isBehind || handle === undefined || handle === null || text.length > maxLength || !socket.writable || socket.writableLength > 0) {
      socket.write(text, 'latin1')
      return
    }
    const outcome = handle.writeLatin1String(null, text)
    if (outcome !== 0) this.follow(outcome, handle)
  }

  private follow(outcome: number | PendingWrite, handle: Handle): void {
    if (typeof outcome === 'number') return this.onWritten(outcome)
    this.isBehind = true
    outcome.handle = handle
    outcome.oncomplete = (status) => this.onWritten(status)
    const { writeStatus } = outcome
    outcome.writeStatus = null
    if (writeStatus !== null) this.onWritten(writeStatus)
  }

  private onWritten(status: number): void {
    this.isBehind = false
    if (status >= 0) return
    const code = getSystemErrorName(status)
    this.socket.destroy(Object.assign(new Error(`write ${code}`), { code }))
  }
}

/** Whether this Node writes as it is done here: others take an object in the place of null, and would end the process without one. */
function writesWithoutRequest(): boolean {
  let request: unknown
  const handle = {
    writeLatin1String: (given: unknown) => {
      request = given
      return 0
    },
  }
  try {
    new Socket({ handle, manualStart: true } as never).write('?', 'latin1')
  } catch {
    return false
  }
  return request === null
}
