/**
 * Looks from outside at which revision answers: a connection of its own to each worker, nothing but requests. What it
 * sees is when a client would have seen it. It runs on the same cores as what it looks at, so it is made to need little:
 * one timer for all, one buffer for each connection, an answer that says nothing new is compared and no more.
 */
import { connect, type Socket } from 'node:net'

export const probePath = '/propagation-probe'
export const probeHost = 'propagation.probe'
/** What the route answers for change `number`. */
export const probeBody = (number: number): string => `change-${String(number).padStart(8, '0')}`

interface Pace {
  /** From one request of a connection to its next, in ms. */
  readonly everyMs: number
  /** The same while it has not answered the change that is looked for. */
  readonly chaseMs: number
}

/** All connections, asked in turn. */
export class Prober {
  readonly probes: readonly Probe[]
  readonly #pace: Pace
  #wanted = 0
  #chaseFrom = 0
  #timer: NodeJS.Timeout | undefined

  constructor(probes: readonly Probe[], pace: Pace) {
    this.probes = probes
    this.#pace = pace
  }

  start(): void {
    this.#spread(this.#pace.everyMs, performance.now())
    this.#tick()
  }

  /** After `waitMs` every connection is asked more often, each until it has answered the change. */
  lookFor(number: number, waitMs: number): void {
    this.#wanted = number
    this.#chaseFrom = performance.now() + waitMs
    this.#spread(this.#pace.chaseMs, this.#chaseFrom)
    clearTimeout(this.#timer)
    this.#tick()
  }

  /** What their requests took since it was asked last, in ms. */
  takeLatencies(): number[] {
    return this.probes.flatMap((probe) => probe.latencies.splice(0))
  }

  /** Resolves once nothing is on its way. */
  async stop(): Promise<void> {
    clearTimeout(this.#timer)
    await Promise.all(this.probes.map((probe) => probe.close()))
  }

  /** In turn, and none later than it was to be asked anyhow. */
  #spread(everyMs: number, from: number): void {
    for (const [index, probe] of this.probes.entries()) probe.dueAt = Math.min(probe.dueAt, from + (everyMs * index) / this.probes.length)
  }

  #tick(): void {
    const now = performance.now()
    const isChase = now >= this.#chaseFrom
    for (const probe of this.probes) {
      if (probe.dueAt <= now) probe.ask(now, isChase && probe.newest < this.#wanted ? this.#pace.chaseMs : this.#pace.everyMs)
    }
    // Whoever was asked shortly before is asked again with the others.
    if (!isChase) this.#spread(this.#pace.chaseMs, this.#chaseFrom)
    const next = Math.min(...this.probes.map((probe) => probe.dueAt))
    this.#timer = setTimeout(() => this.#tick(), Math.max(1, Math.min(1000, Math.ceil(next - performance.now()))))
  }
}

const request = Buffer.from(`GET ${probePath} HTTP/1.1\r\nHost: ${probeHost}\r\n\r\n`)
const good = Buffer.from('HTTP/1.1 200 ')
const bodyLength = probeBody(0).length
const answered = /^HTTP\/1\.1 (\d+) [^]*?\r\ncontent-length: (\d+)\r\n[^]*?\r\n\r\n(?:change-(\d+))?/i

/** One kept-alive connection. */
export class Probe {
  /** When change n was answered for the first time, by `performance.now`. */
  readonly seenAt: number[] = []
  newest = 0
  /** Of each request, in ms; one that had to wait for the one before it counts from when it was due. */
  readonly latencies: number[] = []
  errors = 0
  /** Answers by an older change than one this connection has seen. */
  steppedBack = 0
  requests = 0
  dueAt = Infinity
  readonly #socket: Socket
  #body = Buffer.from(probeBody(0))
  /** When the request that is on its way was due; undefined: there is none. */
  #askedAt: number | undefined
  /** When the next was due that has to wait for it. */
  #waitingSince: number | undefined
  /** What came so far of an answer that came in pieces. */
  #pieces = ''
  #onQuiet: (() => void) | undefined

  private constructor(port: number, onOpen: () => void, onFailure: (error: Error) => void) {
    const onread = { buffer: Buffer.alloc(16_384), callback: (size: number, buffer: Uint8Array) => this.#read(size, buffer as Buffer) }
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true, onread }, onOpen)
    this.#socket.on('error', onFailure)
    this.#socket.on('close', () => this.#ended())
  }

  static open(port: number): Promise<Probe> {
    return new Promise((resolve, reject) => {
      const probe: Probe = new Probe(port, () => resolve(probe), reject)
    })
  }

  /** The client's end. */
  get port(): number {
    return this.#socket.localPort!
  }

  get isOpen(): boolean {
    return !this.#socket.destroyed
  }

  /** Asks, or does so as soon as the request before has been answered; due again `everyMs` later. */
  ask(now: number, everyMs: number): void {
    const due = this.dueAt
    this.dueAt = Math.max(now, due + everyMs)
    if (!this.isOpen) this.dueAt = Infinity
    else if (this.#askedAt === undefined) this.#send(now)
    else this.#waitingSince ??= due
  }

  /** Asks a single time, and resolves when that has been answered. */
  once(): Promise<void> {
    return new Promise((resolve) => {
      this.#onQuiet = () => {
        this.#onQuiet = undefined
        resolve()
      }
      this.#send(performance.now())
    })
  }

  close(): Promise<void> {
    this.dueAt = Infinity
    return new Promise((resolve) => {
      this.#onQuiet = () => {
        this.#socket.removeAllListeners('close').destroy()
        resolve()
      }
      if (this.#askedAt === undefined) this.#onQuiet()
    })
  }

  #send(since: number): void {
    this.#askedAt = since
    this.#waitingSince = undefined
    this.#socket.write(request)
  }

  #read(size: number, buffer: Buffer): boolean {
    if (this.#isSame(size, buffer) || this.#note(buffer.toString('latin1', 0, size))) this.#done()
    return true
  }

  #isSame(size: number, buffer: Buffer): boolean {
    if (this.#pieces !== '' || size < good.length + bodyLength) return false
    return buffer.compare(this.#body, 0, bodyLength, size - bodyLength, size) === 0 && buffer.compare(good, 0, good.length, 0, good.length) === 0
  }

  /** False: there is more to come. */
  #note(text: string): boolean {
    this.#pieces += text
    const found = answered.exec(this.#pieces)
    if (found === null || this.#pieces.length < this.#pieces.indexOf('\r\n\r\n') + 4 + Number(found[2])) return false
    this.#pieces = ''
    if (found[1] !== '200' || found[3] === undefined) this.errors++
    else this.#answered(Number(found[3]))
    return true
  }

  #answered(change: number): void {
    if (change < this.newest) this.steppedBack++
    if (change <= this.newest) return
    const now = performance.now()
    for (let number = this.newest + 1; number <= change; number++) this.seenAt[number] = now
    this.newest = change
    this.#body = Buffer.from(probeBody(change))
  }

  #done(): void {
    this.requests++
    this.latencies.push(performance.now() - this.#askedAt!)
    this.#askedAt = undefined
    if (this.#onQuiet !== undefined) this.#onQuiet()
    else if (this.#waitingSince !== undefined) this.#send(this.#waitingSince)
  }

  #ended(): void {
    this.errors++
    this.#onQuiet?.()
  }
}
