/**
 * The workers of an edge as the host agent keeps them: started, replaced when they end, hang or are told to end, and
 * counted among those that serve from the moment they are told to listen. What they are told is `handed-out.ts`.
 */
import cluster, { type Worker } from 'node:cluster'
import { getCompileCacheDir } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { Logger, MetricSnapshot } from '@sluice/service-kit'
import { HandedOut } from './handed-out.ts'
import { giveBackLostConnections } from './lost-connections.ts'
import { type Member, newMember, type Reached, reachedBy, revisionOf } from './member.ts'
import { readMessage, sendMessage, type FromWorker, type ToWorker, type WorkerSettings } from './messages.ts'

export interface WorkerPoolParts {
  readonly settings: WorkerSettings
  readonly logger: Logger
  /** Gives the worker its end of the bus. */
  readonly attachBus: (worker: Worker) => { detach(): void }
  readonly onChange: () => void
  /** Told once when workers end again and again as soon as they start; they are started again all the same. */
  readonly onHopeless: (problem: string) => void
  readonly onMessage: (message: Extract<FromWorker, { kind: 'usage' | 'take' | 'open-requests' }>, reply: (message: ToWorker) => void, worker: number) => void
  /** A worker ended by its own fault, or hung: not one that somebody has killed. */
  readonly onCrash: () => void
  /** No `open-requests` of this worker come after it. */
  readonly onGone: (worker: number) => void
}

const pingMs = 2000
/** A worker that answers no ping for this long hangs: it is killed and replaced. */
const hangMs = 10_000
/** One that has not said a word yet is loading its sources, which on a busy machine takes its time. */
const startMs = 60_000
const metricsTimeoutMs = 1000
/** A worker that ends this soon after its start makes the next one wait. */
const crashLoopMs = 5000
const hopelessCrashes = 5
const replaceDeadlineMs = 30_000
/** After the last exchange: for access records and usage to leave. */
const flushMs = 3000

export class WorkerPool {
  private readonly parts: WorkerPoolParts
  private readonly members = new Map<number, Member>()
  /** What workers are told. */
  readonly handedOut = new HandedOut(() => this.members.values())
  private readonly metricsWaiting = new Map<number, (snapshot: readonly MetricSnapshot[]) => void>()
  private nextMetricsId = 1
  private pinger: NodeJS.Timeout | undefined
  private isStarted = false
  /** Workers that were loaded before `start`. */
  private readonly loaded: (() => void)[] = []
  private stopping = false
  /** Workers in a row that ended soon after their start. */
  private crashes = 0

  constructor(parts: WorkerPoolParts) {
    this.parts = parts
  }

  /** Begins the workers' processes ahead of `start`: loading a worker takes as long as all that comes before it. */
  warm(): void {
    if (this.pinger !== undefined) return
    // Read once, by the first setupPrimary. Handing connections out spreads them evenly, but costs three times as much as
    // accepting them: one worker has nobody to share with.
    cluster.schedulingPolicy = this.parts.settings.workers === 1 ? cluster.SCHED_NONE : cluster.SCHED_RR
    cluster.setupPrimary({ exec: fileURLToPath(new URL('../worker-main.ts', import.meta.url)), args: [], serialization: 'advanced' })
    for (let index = 0; index < this.parts.settings.workers; index++) this.fork()
    this.pinger = setInterval(() => this.ping(), pingMs).unref()
    this.handedOut.start()
  }

  start(): void {
    this.warm()
    this.isStarted = true
    for (const boot of this.loaded.splice(0)) boot()
  }

  reached(): Reached {
    return reachedBy(this.members.values())
  }

  /** Those that every worker that serves obeys. */
  obeyedOrders(): string[] {
    if (this.handedOut.standingOrders === undefined) return []
    const serving = [...this.members.values()].filter((member) => member.serving)
    return (serving[0]?.orders ?? []).filter((order) => serving.every(({ orders }) => orders.includes(order)))
  }

  get addresses(): readonly string[] {
    return [...this.members.values()].find((member) => member.addresses.length > 0)?.addresses ?? []
  }

  get pids(): number[] {
    return [...this.members.values()].flatMap((member) => member.worker.process.pid ?? [])
  }

  async metrics(): Promise<(readonly MetricSnapshot[])[]> {
    return Promise.all([...this.members.values()].map((member) => this.metricsOf(member)))
  }

  /** Replaces the workers one after another; each new one serves before the old one drains. */
  async restartAll(): Promise<void> {
    for (const member of [...this.members.values()]) await this.replace(member)
  }

  /** Drains all and resolves when the last one is gone; what is left at the deadline is killed. */
  async stop(lameDuckMs: number, deadlineMs: number): Promise<void> {
    this.stopping = true
    clearInterval(this.pinger)
    this.handedOut.stop()
    const gone = [...this.members.values()].map((member) => new Promise<void>((resolve) => member.worker.once('exit', () => resolve())))
    for (const member of this.members.values()) this.drain(member, lameDuckMs, deadlineMs)
    const lastResort = setTimeout(() => this.killAll(), lameDuckMs + deadlineMs + flushMs)
    await Promise.all(gone)
    clearTimeout(lastResort)
  }

  killAll(): void {
    this.stopping = true
    for (const member of this.members.values()) member.worker.process.kill('SIGKILL')
  }

  private fork(): Member {
    const worker = cluster.fork(compileCache())
    const { detach } = this.parts.attachBus(worker)
    const member = newMember(worker, detach)
    this.members.set(worker.id, member)
    giveBackLostConnections(worker, () => [...this.members.values()].some((one) => one !== member && one.listening && !one.draining))
    worker.on('message', (raw: unknown) => {
      const message = readMessage<FromWorker>(raw)
      if (message !== undefined) this.onMessage(member, message)
    })
    worker.on('error', (error) => this.parts.logger.warn({ err: error, worker: worker.process.pid }, 'a worker could not be reached'))
    worker.once('exit', (code, signal) => this.onExit(member, code, signal))
    return member
  }

  private onMessage(member: Member, message: FromWorker): void {
    const reply = (answer: ToWorker): void => sendMessage(member.worker, answer)
    switch (message.kind) {
      case 'started':
        member.started = true
        member.lastPongAt = performance.now()
        if (this.isStarted) this.handedOut.boot(member, this.parts.settings)
        else this.loaded.push(() => this.handedOut.boot(member, this.parts.settings))
        return
      case 'prepared':
        member.serving = true
        member.listensFrom = this.handedOut.revision
        return this.letListen(member)
      case 'listening':
        member.listening = true
        member.addresses = message.addresses
        return this.parts.onChange()
      case 'applied':
        if (!this.handedOut.applied(member, message)) return
        if (message.addresses.length > 0) member.addresses = message.addresses
        this.parts.onChange()
        return this.onAnswered(member, message)
      case 'refused':
        member.refusal = { ...message.refusal, revision: message.revision, digest: message.digest }
        this.parts.onChange()
        return this.onAnswered(member, message)
      case 'credentials':
        member.credentialVersion = message.version
        return this.parts.onChange()
      case 'obeyed':
        member.orders = message.orders
        return this.parts.onChange()
      case 'metrics':
        return this.metricsWaiting.get(message.id)?.(message.snapshot)
      case 'replace-me':
        return void this.replace(member)
      case 'pong':
        member.lastPongAt = performance.now()
        return
      case 'open-requests':
        // What a worker sent before it ended may come after its end.
        if (this.members.has(member.worker.id)) this.parts.onMessage(message, reply, member.worker.id)
        return
      default:
        return this.parts.onMessage(message, reply, member.worker.id)
    }
  }

  private onAnswered(member: Member, message: Extract<FromWorker, { kind: 'applied' | 'refused' }>): void {
    if (this.handedOut.answered(member, message)) this.letListen(member)
  }

  private letListen(member: Member): void {
    if (!member.serving || member.mayListen || (member.taking !== undefined && revisionOf(member) < member.listensFrom)) return
    member.mayListen = true
    sendMessage(member.worker, { kind: 'listen' } satisfies ToWorker)
  }

  private onExit(member: Member, code: number | null, signal: string | null): void {
    this.members.delete(member.worker.id)
    this.parts.onGone(member.worker.id)
    member.detachBus()
    this.parts.onChange()
    if (this.stopping || member.draining) return
    this.parts.logger.warn({ worker: member.worker.process.pid, code, signal }, 'a worker ended; another takes its place')
    if (member.sent !== undefined && (member.hung || isOwnFault(code, signal))) this.parts.onCrash()
    const soon = performance.now() - member.startedAt < crashLoopMs
    this.crashes = soon ? this.crashes + 1 : 0
    if (this.crashes === hopelessCrashes) this.parts.onHopeless(`the workers end as soon as they start (code ${code ?? signal}); the log says why`)
    setTimeout(() => {
      if (!this.stopping) this.fork()
    }, soon ? 1000 : 0)
  }

  private async replace(member: Member): Promise<void> {
    if (this.stopping || member.draining) return
    member.draining = true
    const successor = this.fork()
    await new Promise<void>((resolve) => {
      const poll = setInterval(() => {
        if (!successor.listening && this.members.has(successor.worker.id)) return
        clearInterval(poll)
        resolve()
      }, 20)
    })
    if (!successor.listening) {
      member.draining = false
      return
    }
    if (!this.stopping) this.drain(member, 0, replaceDeadlineMs)
    await new Promise<void>((resolve) => {
      if (member.worker.isDead()) resolve()
      else member.worker.once('exit', () => resolve())
    })
  }

  private drain(member: Member, lameDuckMs: number, deadlineMs: number): void {
    member.draining = true
    sendMessage(member.worker, { kind: 'drain', lameDuckMs, deadlineMs } satisfies ToWorker)
  }

  private metricsOf(member: Member): Promise<readonly MetricSnapshot[]> {
    const id = this.nextMetricsId++
    return new Promise((resolve) => {
      const done = (snapshot: readonly MetricSnapshot[]): void => {
        clearTimeout(timer)
        this.metricsWaiting.delete(id)
        resolve(snapshot)
      }
      const timer = setTimeout(() => done([]), metricsTimeoutMs)
      this.metricsWaiting.set(id, done)
      sendMessage(member.worker, { kind: 'gather-metrics', id } satisfies ToWorker)
    })
  }

  private ping(): void {
    for (const member of this.members.values()) {
      if (performance.now() - member.lastPongAt > (member.started ? hangMs : startMs)) {
        this.parts.logger.error({ worker: member.worker.process.pid }, 'a worker hangs and is killed')
        member.hung = true
        member.worker.process.kill('SIGKILL')
      } else sendMessage(member.worker, { kind: 'ping' } satisfies ToWorker)
    }
  }
}

/** What this process has compiled and kept, its workers need not compile again. */
function compileCache(): Record<string, string> {
  const directory = getCompileCacheDir()
  return directory === undefined ? {} : { NODE_COMPILE_CACHE: directory }
}

/** SIGKILL and SIGTERM come from somebody else: an operator, or the kernel when memory is short. */
function isOwnFault(code: number | null, signal: string | null): boolean {
  return (code !== null && code !== 0) || (signal !== null && signal !== 'SIGKILL' && signal !== 'SIGTERM')
}
