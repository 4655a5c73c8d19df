/**
 * The clients of the soak. Each lane goes on until it is told to stop. What counts as a failure is an answer that is wrong, and a
 * request that got none while nobody had killed a worker; what lives long (streams, idle connections) may end when its
 * worker does and begins anew.
 */
import { Agent, request as httpRequest } from 'node:http'
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { WebSocket } from 'ws'
import { PacedTraffic } from './paced-traffic.ts'
import type { Begin, DoneCounts } from './load-messages.ts'

export interface Place {
  readonly port: number
  readonly securePort: number
  /** Whoever signs the certificates. */
  readonly authority: string
  /** Grows as a worker is killed and once another one serves in its place: odd in between. */
  readonly kills: () => number
  /** The same, for one that is replaced as well. */
  readonly endings: () => number
}

/** Idle connections that wait for their answer. */
const maxOpening = 100
const saturationSeconds = 15

export class SoakTraffic {
  readonly failures: string[] = []
  readonly done: DoneCounts = { paced: 0, http1: 0, http2: 0, messages: 0, events: 0, uploads: 0, downloads: 0, reconnects: 0 }
  private readonly place: Place
  private readonly lanes: Promise<void>[] = []
  private readonly idle = new Set<Socket>()
  private readonly opening = new Set<Socket>()
  private running = true
  private readonly paced = new PacedTraffic((agent) => this.askPaced(agent))
  /** Half of saturation, once that was measured while everything else went on. */
  ratePerSecond = 0

  constructor(place: Place) {
    this.place = place
  }

  start({ part, idleConnections, bodyBytes }: Begin): void {
    if (part === 'paced') return void this.lanes.push(this.pacedLane())
    const lanes = [...Array(4).fill(() => this.http1Lane()), ...Array(2).fill(() => this.http2Lane()), ...Array(2).fill(() => this.chatLane()), ...Array(2).fill(() => this.eventLane())] as (() => Promise<void>)[]
    for (const lane of [...lanes, () => this.bodyLane(bodyBytes), () => this.idleLane(idleConnections)]) this.lanes.push(lane())
  }

  get openIdle(): number {
    return this.idle.size
  }

  /** See `Latencies`; of the requests at an even rate. */
  get latencies(): readonly number[] {
    return this.paced.latencies.counts
  }

  async stop(): Promise<void> {
    this.running = false
    await Promise.all(this.lanes)
  }

  /** Runs `one` over and over; one that breaks is a failure unless a worker ended meanwhile. */
  private async repeat(what: string, pauseMs: number, one: () => Promise<void>, mayBreak: () => number): Promise<void> {
    while (this.running) {
      const before = mayBreak()
      try {
        await one()
      } catch (error) {
        if (mayBreak() === before && before % 2 === 0) this.fail(`${what}: ${String(error)}`)
        else this.done.reconnects++
      }
      await sleep(pauseMs)
    }
  }

  private fail(text: string): void {
    if (this.failures.length < 100) this.failures.push(`${new Date().toISOString()} ${text}`)
  }

  private async http1Lane(): Promise<void> {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await this.repeat('http1', 3, async () => {
      const { status, body } = await this.ask('/short', agent)
      if (status !== 200 || !body.includes('"/short"')) this.fail(`http1: ${status} ${body.slice(0, 200)}`)
      this.done.http1++
    }, this.place.kills)
    agent.destroy()
  }

  private async pacedLane(): Promise<void> {
    this.ratePerSecond = Math.round((await this.paced.saturation(saturationSeconds)) / 2)
    await this.paced.run(this.ratePerSecond, () => this.running)
  }

  private async askPaced(agent: Agent): Promise<void> {
    const before = this.place.kills()
    try {
      const { status, body } = await this.ask('/paced', agent)
      if (status !== 200 || !body.includes('"/paced"')) this.fail(`paced: ${status} ${body.slice(0, 200)}`)
      this.done.paced++
    } catch (error) {
      if (this.place.kills() === before && before % 2 === 0) this.fail(`paced: ${String(error)}`)
      else this.done.reconnects++
    }
  }

  private ask(path: string, agent: Agent): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: this.place.port, path, agent }, (response) => {
        let body = ''
        response.setEncoding('utf8').on('data', (text: string) => (body += text))
        response.on('end', () => resolve({ status: response.statusCode!, body })).on('error', reject)
      })
      request.setTimeout(60_000, () => request.destroy(new Error('no answer within 60 s'))).on('error', reject).end()
    })
  }

  /** Four streams at a time; a session that was told to end is left for a new one. */
  private async http2Lane(): Promise<void> {
    let session: ClientHttp2Session | undefined
    const current = (): ClientHttp2Session => {
      if (session === undefined || session.closed || session.destroyed) {
        session = connectHttp2(`https://127.0.0.1:${this.place.securePort}`, { ca: this.place.authority })
        session.on('error', () => undefined)
      }
      return session
    }
    await this.repeat('http2', 10, async () => {
      const answers = await Promise.all(Array.from({ length: 4 }, () => this.askStream(current)))
      for (const { status, body } of answers) if (status !== 200 || !body.includes('"/stream"')) this.fail(`http2: ${status} ${body.slice(0, 200)}`)
      this.done.http2 += answers.length
    }, this.place.endings)
    session?.destroy()
  }

  private askStream(current: () => ClientHttp2Session): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const stream = current().request({ ':path': '/stream' })
      let [status, body] = [0, '']
      stream.setEncoding('utf8').on('response', (fields) => (status = Number(fields[':status']))).on('data', (text: string) => (body += text))
      // A session whose worker was killed ends its streams without an error.
      stream.on('end', () => (status === 0 ? reject(new Error('the stream ended without an answer')) : resolve({ status, body }))).on('error', reject)
      stream.setTimeout(60_000, () => stream.destroy(new Error('no answer within 60 s')))
      stream.end()
    })
  }

  private async chatLane(): Promise<void> {
    await this.repeat('websocket', 50, async () => {
      const socket = new WebSocket(`ws://127.0.0.1:${this.place.port}/chat`)
      const ended = new Promise<void>((resolve) => socket.on('close', () => resolve()))
      try {
        await new Promise<void>((resolve, reject) => socket.on('open', resolve).on('error', reject))
        while (this.running && socket.readyState === WebSocket.OPEN) {
          const text = `message ${this.done.messages}`
          const back = new Promise<string>((resolve, reject) => {
            socket.once('message', (data: Buffer) => resolve(data.toString()))
            void ended.then(() => reject(new Error('closed before the echo')))
          })
          socket.send(text)
          if ((await back) !== text) this.fail(`websocket: not the echo of ${text}`)
          this.done.messages++
          await sleep(100)
        }
      } finally {
        socket.terminate()
      }
    }, this.place.endings)
  }

  private async eventLane(): Promise<void> {
    await this.repeat('events', 50, () => new Promise<void>((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: this.place.port, path: '/events', agent: false }, (response) => {
        response.on('data', () => {
          this.done.events++
          if (this.running) return
          request.destroy()
          resolve()
        })
        response.on('error', reject).on('end', () => reject(new Error('the stream ended')))
      })
      request.on('error', reject).end()
    }), this.place.endings)
  }

  /** One large body up, one down, and a pause. */
  private async bodyLane(bytes: number): Promise<void> {
    await this.repeat('body', 5000, async () => {
      const counted = await this.upload(bytes)
      if (counted !== String(bytes)) this.fail(`upload: ${counted} of ${bytes} bytes`)
      this.done.uploads++
      if (!this.running) return
      const read = await this.download(bytes)
      if (read !== bytes) this.fail(`download: ${read} of ${bytes} bytes`)
      this.done.downloads++
    }, this.place.endings)
  }

  private upload(bytes: number): Promise<string> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: this.place.port, path: '/count', method: 'POST', agent: false, headers: { 'content-length': bytes } }, (response) => {
        let text = ''
        response.setEncoding('utf8').on('data', (part: string) => (text += part))
        response.on('end', () => resolve(text)).on('error', reject)
      })
      request.on('error', reject)
      const piece = Buffer.alloc(256 * 1024, 'y')
      let left = bytes
      const more = (): void => {
        while (left > 0) {
          const part = left < piece.length ? piece.subarray(0, left) : piece
          left -= part.length
          if (!request.write(part)) return void request.once('drain', more)
        }
        request.end()
      }
      more()
    })
  }

  private download(bytes: number): Promise<number> {
    return new Promise((resolve, reject) => {
      const request = httpRequest({ host: '127.0.0.1', port: this.place.port, path: `/bytes/${bytes}`, agent: false }, (response) => {
        let read = 0
        response.on('data', (chunk: Buffer) => (read += chunk.length))
        response.on('end', () => resolve(read)).on('error', reject)
      })
      request.on('error', reject).end()
    })
  }

  /** Connections that have asked once and then say nothing; those that end are made anew, no more at a time than others can wait behind. */
  private async idleLane(count: number): Promise<void> {
    while (this.running) {
      while (this.opening.size < maxOpening && this.idle.size + this.opening.size < count) this.openIdleConnection()
      await sleep(50)
    }
    for (const socket of [...this.idle, ...this.opening]) socket.destroy()
  }

  private openIdleConnection(): void {
    const socket = connect(this.place.port, '127.0.0.1')
    this.opening.add(socket)
    const gone = (): void => {
      this.opening.delete(socket)
      this.idle.delete(socket)
    }
    socket.on('error', () => undefined).on('close', gone)
    socket.on('connect', () => socket.write('GET /short HTTP/1.1\r\nHost: idle.test\r\n\r\n'))
    socket.on('data', () => {
      if (this.opening.delete(socket)) this.idle.add(socket)
    })
  }
}
