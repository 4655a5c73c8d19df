/**
 * Looks from outside at which revision answers: connections of its own, one request after another on each. What it
 * sees is when a client would have seen it; nothing is asked of the gateway.
 */
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

/** A pause between two requests of a connection: resolution against the CPU that a prober takes from what it looks at. */
const pauseMs = 5

export const probePath = '/propagation-probe'
export const probeHost = 'propagation.probe'
/** What the route answers for change `number`. */
export const probeBody = (number: number): string => `change-${String(number).padStart(8, '0')}`

const request = `GET ${probePath} HTTP/1.1\r\nHost: ${probeHost}\r\n\r\n`
const answered = /^HTTP\/1\.1 (\d+)[\s\S]*\r\n\r\n(?:change-(\d+)|[\s\S]*)$/

/** One kept-alive connection. */
export class Probe {
  readonly #socket: Socket
  /** When change n was answered for the first time, by `performance.now`. */
  readonly seenAt: number[] = []
  newest = 0
  /** Of each request, in ms. */
  readonly latencies: number[] = []
  errors = 0
  /** Answers by an older change than one this connection has seen. */
  steppedBack = 0
  requests = 0
  #isStopped = false
  #onText: ((text: string) => void) | undefined
  readonly #done: Promise<void>

  constructor(socket: Socket) {
    this.#socket = socket
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (text: string) => this.#onText?.(text))
    socket.on('error', () => this.errors++)
    this.#done = this.#run()
  }

  static open(port: number): Promise<Probe> {
    return new Promise((resolve, reject) => {
      const socket = connect({ port, host: '127.0.0.1' })
      socket.once('error', reject)
      socket.once('connect', () => resolve(new Probe(socket.off('error', reject))))
    })
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await this.#done
    this.#socket.destroy()
  }

  async #run(): Promise<void> {
    while (!this.#isStopped && !this.#socket.destroyed) {
      const askedAt = performance.now()
      this.#note(await this.#ask())
      this.latencies.push(performance.now() - askedAt)
      await sleep(pauseMs)
    }
  }

  #ask(): Promise<string> {
    return new Promise((resolve) => {
      let text = ''
      const end = (): void => {
        this.#socket.off('close', end)
        this.#onText = undefined
        resolve(text)
      }
      this.#onText = (more) => {
        text += more
        const length = /\r\ncontent-length: (\d+)/i.exec(text)
        const head = text.indexOf('\r\n\r\n')
        if (head >= 0 && length !== null && text.length >= head + 4 + Number(length[1])) end()
      }
      this.#socket.once('close', end)
      this.#socket.write(request)
    })
  }

  #note(text: string): void {
    this.requests++
    const found = answered.exec(text)
    if (found?.[1] !== '200' || found[2] === undefined) {
      this.errors++
      return
    }
    const change = Number(found[2])
    const now = performance.now()
    if (change < this.newest) this.steppedBack++
    for (let number = this.newest + 1; number <= change; number++) this.seenAt[number] = now
    this.newest = Math.max(this.newest, change)
  }
}
