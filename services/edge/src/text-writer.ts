/**
 * Texts written to a socket past its stream. A message of HTTP/1.1 is mostly one short text that the kernel takes at once:
 * then Node's stream has nothing to keep, and its bookkeeping for each write costs as much as all of the gateway's telemetry. What
 * the kernel does not take at once waits in libuv's queue, and what is written meanwhile goes through the stream, behind it.
 *
 * Whole messages of one turn of the event loop leave together at its end: one after another they cost less than each between two
 * others being read, and who reads them is woken once for many.
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

/** Those that hold a text for the end of this turn. */
let holding: TextWriter[] = []
/** So many do not wait for the end: who is answered should not wait for all the others. */
const maxHolding = 32

export class TextWriter {
  private readonly socket: Socket & { readonly _handle?: Handle | null }
  private readonly isDirect: boolean
  /** Something written here is on its way. */
  private isBehind = false
  private held = ''

  /** `encrypted`: under TLS one write has to end before the next one begins, which only the stream sees to. */
  constructor(socket: Socket, encrypted: boolean) {
    this.socket = socket
    this.isDirect = isKnownNode && !encrypted
  }

  /** Whether something waits for the end of this turn. */
  get isHolding(): boolean {
    return this.held !== ''
  }

  /** As `write`, at the end of this turn. Whoever writes to the socket itself calls `flush` before. */
  writeSoon(text: string): void {
    if (this.held.length + text.length > maxLength) return this.write(text)
    const isFirst = this.held === ''
    this.held += text
    if (!isFirst) return
    if (holding.push(this) === 1) setImmediate(flushAll)
    else if (holding.length >= maxHolding) flushAll()
  }

  /** As `socket.write(text, 'latin1')`, in the order of the calls of both. */
  write(text: string): void {
    if (this.held === '') return this.writeNow(text)
    const { held } = this
    this.held = ''
    this.writeNow(held + text)
  }

  flush(): void {
    const { held } = this
    if (held === '') return
    this.held = ''
    if (!this.socket.destroyed) this.writeNow(held)
  }

  private writeNow(text: string): void {
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

function flushAll(): void {
  const writers = holding
  holding = []
  for (const writer of writers) writer.flush()
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
