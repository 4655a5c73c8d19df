/**
 * What the machine itself takes: as many processes as the system has, that hand one message on to each other as a change is handed on
 * and do nothing with it. From the announcement to the last acknowledgement it goes through NATS, an agent, its worker and back; with
 * one agent for all workers, through their channels alone. What is measured of the system is to be read beside it.
 *
 * As a program: an agent (`agent WORKERS NATS-URL|-`), or a worker (`worker`).
 */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { connect } from 'nats'
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
  const bus = await connect({ servers: nats.url })
  const children = await startAll(agents, ['agent', '1', nats.url])
  let [missing, resolve] = [0, (): void => {}]
  bus.subscribe(subjects.done, { callback: () => void (--missing === 0 && resolve()) })
  return {
    change: () => timed(() => {
      missing = agents
      bus.publish(subjects.change, announcement)
      return new Promise((done) => (resolve = done))
    }),
    async stop() {
      for (const child of children) child.kill()
      await bus.close()
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
    const bus = await connect({ servers: url })
    bus.subscribe(subjects.change, { callback: (_error, { data }) => begin(Buffer.from(data).toString()) })
    onDone(() => bus.publish(subjects.done, acknowledgement))
    await bus.flush()
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
