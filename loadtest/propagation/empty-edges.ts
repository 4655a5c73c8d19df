/**
 * What the machine itself takes: as many processes as the system has, that hand one message on to each other as a change is handed on
 * and do nothing with it. From the announcement to the last acknowledgement it goes through NATS, an agent, its worker and back; with
 * one agent for all workers, through their channels alone. What is measured of the system is to be read beside it.
 *
 * As a program: an agent (`agent WORKERS NATS-URL|-`), or a worker (`worker`).
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { start as startNats } from '../../infra/local/nats.ts'

const self = fileURLToPath(import.meta.url)
/** About what an announcement of one changed route takes, and its acknowledgement. */
const [announcement, acknowledgement] = ['-'.repeat(600), '-'.repeat(200)]
const subjects = { change: 'change', done: 'done' }
const warmUp = 20

export interface EmptyEdges {
  /** Hands one message through to the last worker and back; what that took, in ms. */
  change(): Promise<number>
  stop(): Promise<void>
}

/** Milliseconds of `count` changes, one after another, after some that are forgotten. */
export async function timesOf(edges: EmptyEdges, { count, everyMs }: { count: number; everyMs: number }): Promise<number[]> {
  const times: number[] = []
  for (let turn = 0; turn < warmUp + count; turn++) {
    times.push(await edges.change())
    await sleep(Math.max(0, everyMs - times.at(-1)!))
  }
  return times.slice(warmUp)
}

/** Agents of one worker each on a NATS server of their own. */
export async function startEmptyOverNats(agents: number): Promise<EmptyEdges> {
  const nats = await startNats()
  let [missing, resolve] = [0, (): void => {}]
  const bus = await openBus(nats.url, subjects.done, () => {
    if (--missing === 0) resolve()
  })
  const children = await startAll(agents, ['agent', '1', nats.url])
  return {
    change: () => timed(() => {
      missing = agents
      publish(bus, subjects.change, announcement)
      return new Promise((done) => (resolve = done))
    }),
    async stop() {
      for (const child of children) child.kill()
      bus.destroy()
      await nats.stop()
    },
  }
}

/** One agent that this process tells over their channel. */
export async function startEmptyEmbedded(workers: number): Promise<EmptyEdges> {
  const [agent] = (await startAll(1, ['agent', String(workers), '-'])) as [ChildProcess]
  return {
    change: () => timed(async () => {
      agent.send(announcement)
      await once(agent, 'message')
    }),
    async stop() {
      agent.kill()
    },
  }
}

/** As much of the client protocol of NATS as it takes; resolves once `subject` is subscribed to. */
function openBus(url: string, subject: string, onMessage: (text: string) => void): Promise<Socket> {
  const { hostname, port } = new URL(url)
  const socket = connect({ host: hostname, port: Number(port), noDelay: true }).setEncoding('latin1')
  socket.write(`CONNECT {"verbose":false}\r\nSUB ${subject} 1\r\nPING\r\n`)
  let text = ''
  return new Promise((resolve, reject) => {
    socket.on('error', reject).on('data', (piece: string) => {
      text += piece
      for (let end = text.indexOf('\r\n'); end >= 0; end = text.indexOf('\r\n')) {
        const [verb, , , size = ''] = text.slice(0, end).split(' ')
        const begin = end + 2
        const next = verb === 'MSG' ? begin + Number(size) + 2 : begin
        if (text.length < next) return
        if (verb === 'MSG') onMessage(text.slice(begin, next - 2))
        else if (verb === 'PING') socket.write('PONG\r\n')
        else if (verb === 'PONG') resolve(socket)
        text = text.slice(next)
      }
    })
  })
}

function publish(bus: Socket, subject: string, text: string): void {
  bus.write(`PUB ${subject} ${text.length}\r\n${text}\r\n`)
}

async function timed(run: () => Promise<void>): Promise<number> {
  const from = performance.now()
  await run()
  return performance.now() - from
}

/** Each says a word when it can be told something. */
async function startAll(count: number, args: readonly string[]): Promise<ChildProcess[]> {
  const children = Array.from({ length: count }, () => fork(self, args, { serialization: 'advanced' }))
  await Promise.all(children.map((child) => once(child, 'message')))
  return children
}

async function runAgent(workers: number, url: string): Promise<void> {
  const children = await startAll(workers, ['worker'])
  let missing = 0
  const begin = (text: string): void => {
    missing = workers
    for (const child of children) child.send({ kind: 'config', text })
  }
  const onDone = (tell: () => void) => children.forEach((child) => child.on('message', () => --missing === 0 && tell()))
  if (url === '-') {
    process.on('message', begin)
    onDone(() => process.send!(acknowledgement))
  } else {
    const bus = await openBus(url, subjects.change, begin)
    onDone(() => publish(bus, subjects.done, acknowledgement))
  }
  process.on('disconnect', () => process.exit())
  process.send!('ready')
}

function runWorker(): void {
  process.on('message', () => process.send!({ kind: 'applied' }))
  process.send!('ready')
}

if (import.meta.main) {
  const [, , role, workers, url = '-'] = process.argv
  if (role === 'agent') await runAgent(Number(workers), url)
  else runWorker()
}
