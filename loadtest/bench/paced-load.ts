/**
 * A program: GETs at random instants (Poisson) of a fixed rate over kept-alive connections, whether or not answers come. A
 * request's time begins when it was due, so that one that had to wait for a connection is told with its wait. Arguments: URL,
 * requests a second, seconds, connections, and the file of a JSON list of values for `Authorization` in turn, or `-`. Prints one line of JSON.
 */
import { readFileSync } from 'node:fs'
import { connect, type Socket } from 'node:net'

export interface PacedResult {
  readonly requests: number
  /** Answers other than 2xx, and connections that broke. */
  readonly errors: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly maxMs: number
  /** How late this program was to send, 99 of a hundred times: what is measured is no better than that. */
  readonly lateP99Ms: number
}

const [url = '', rate = '', seconds = '', connections = '', authorizationFile = '-'] = process.argv.slice(2)
const { hostname, port, pathname } = new URL(url)
const perMs = Number(rate) / 1000
const values: readonly string[] = authorizationFile === '-' ? [] : (JSON.parse(readFileSync(authorizationFile, 'utf8')) as string[])
const texts = (values.length === 0 ? [''] : values.map((value) => `Authorization: ${value}\r\n`)).map((field) => `GET ${pathname} HTTP/1.1\r\nHost: ${hostname}:${port}\r\n${field}\r\n`)
const times: number[] = []
const lateness: number[] = []
let errors = 0
let turn = 0

class Connection {
  private readonly socket: Socket
  private dueAt = 0
  private text = ''

  constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true).setEncoding('latin1')
    socket.on('data', (piece: string) => this.take(piece)).on('error', () => undefined).on('close', () => errors++)
  }

  send(dueAt: number): void {
    this.dueAt = dueAt
    this.socket.write(texts[turn++ % texts.length]!, 'latin1')
  }

  private take(piece: string): void {
    this.text += piece
    const end = this.text.indexOf('\r\n\r\n')
    if (end < 0) return
    const length = /content-length: (\d+)/i.exec(this.text)
    if (length === null) throw new Error(`no Content-Length in ${this.text.slice(0, end)}`)
    if (this.text.length < end + 4 + Number(length[1])) return
    if (this.text[9] !== '2') errors++
    this.text = ''
    times.push(performance.now() - this.dueAt)
    const next = waiting.shift()
    if (next === undefined) free.push(this)
    else this.send(next)
  }
}

const free: Connection[] = []
/** The instants at which requests were due that no connection was free for. */
const waiting: number[] = []
const sleeper = new Int32Array(new SharedArrayBuffer(4))
/** A timer of Node knows whole milliseconds, in which many requests would leave at once; to spin would take the upstream's core. */
const napMs = 0.1

function gapMs(): number {
  return -Math.log(1 - Math.random()) / perMs
}

async function run(): Promise<void> {
  for (let index = 0; index < Number(connections); index++) {
    free.push(await new Promise<Connection>((resolve, reject) => {
      const socket = connect(Number(port), hostname, () => resolve(new Connection(socket))).once('error', reject)
    }))
  }
  const endAt = performance.now() + Number(seconds) * 1000
  let dueAt = performance.now()
  while (dueAt < endAt) {
    const now = performance.now()
    for (; dueAt <= now && dueAt < endAt; dueAt += gapMs()) {
      lateness.push(now - dueAt)
      const connection = free.pop()
      if (connection === undefined) waiting.push(dueAt)
      else connection.send(dueAt)
    }
    Atomics.wait(sleeper, 0, 0, Math.min(napMs, Math.max(0, dueAt - performance.now())))
    await new Promise((next) => setImmediate(next))
  }
  const lastAt = performance.now() + 5000
  while (times.length < lateness.length && performance.now() < lastAt) await new Promise((next) => setTimeout(next, 10))
  const unanswered = lateness.length - times.length
  const result: PacedResult = { requests: times.length, errors: errors + unanswered, p50Ms: quantile(times, 0.5), p99Ms: quantile(times, 0.99), maxMs: quantile(times, 1), lateP99Ms: quantile(lateness, 0.99) }
  console.log(JSON.stringify(result))
  process.exit()
}

/** Sorts what it is given. */
function quantile(numbers: number[], part: number): number {
  numbers.sort((one, other) => one - other)
  return numbers[Math.max(0, Math.ceil(numbers.length * part) - 1)] ?? Number.NaN
}

await run()
