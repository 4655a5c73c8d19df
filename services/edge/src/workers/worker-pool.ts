/**
 * The workers of an edge as the host agent keeps them: started, told the same things in the same order, replaced when
 * they end, hang or are told to end, and counted among those that serve from the moment they are told to listen.
 */
import cluster, { type Worker } from 'node:cluster'
import { randomBytes } from 'node:crypto'
import { getCompileCacheDir } from 'node:module'
import { fileURLToPath } from 'node:url'
import type { ConfigRevision } from '@sluice/buses/config-feed'
import { deltaBetween, emptyConfig, type SegmentedConfig, textOfLines } from '@sluice/proto/config'
import type { Logger, MetricSnapshot } from '@sluice/service-kit'
import { giveBackLostConnections } from './lost-connections.ts'
import { readMessage, sendMessage, type ConfigMessage, type EndpointsMessage, type FleetMessage, type FromWorker, type OrdersMessage, type Refusal, type ToWorker, type WorkerSettings } from './messages.ts'

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

interface Member {
  readonly worker: Worker
  readonly startedAt: number
  /** What it was given last; nothing before it has booted. */
  sent: SegmentedConfig | undefined
  /** What it has been given and has not answered for; meanwhile it is given nothing more. */
  taking: ConfigRevision | undefined
  /** What it serves. */
  running: ConfigRevision | undefined
  /** Counted among those that serve: from `listen` until it is gone. */
  serving: boolean
  /** The revision that may have been acknowledged without it: it answers nobody by an older one. */
  listensFrom: number
  mayListen: boolean
  listening: boolean
  draining: boolean
  /** It has spoken. */
  started: boolean
  hung: boolean
  credentialVersion: number
  /** The break-glass orders that it obeys. */
  orders: readonly string[]
  refusal: (Refusal & { revision: number; digest: string }) | undefined
  addresses: readonly string[]
  lastPongAt: number
  detachBus: () => void
}

const pingMs = 2000
/** Who gets hold of the keys under session tickets can take sessions over: they are short-lived (RFC 9325 §4.4). */
const ticketKeysMs = 86_400_000
/** A worker that answers no ping for this long hangs: it is killed and replaced. */
const hangMs = 10_000
/** One that has not said a word yet is loading its sources, which on a busy machine takes its time. */
const startMs = 60_000
const metricsTimeoutMs = 1000
/** A worker that ends this soon after its start makes the next one wait. */
const crashLoopMs = 5000
const hopelessCrashes = 5

export class WorkerPool {
  private readonly parts: WorkerPoolParts
  private readonly members = new Map<number, Member>()
  private readonly endpoints = new Map<string, EndpointsMessage>()
  private config: ConfigRevision | undefined
  /** The newest one that a worker has run. */
  private proven: ConfigRevision | undefined
  private fleet: FleetMessage | undefined
  private orders: OrdersMessage | undefined
  private readonly metricsWaiting = new Map<number, (snapshot: readonly MetricSnapshot[]) => void>()
  private nextMetricsId = 1
  private pinger: NodeJS.Timeout | undefined
  private ticketKeys = newTicketKeys()
  private keyTurner: NodeJS.Timeout | undefined
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
    this.keyTurner = setInterval(() => this.turnTicketKeys(), ticketKeysMs).unref()
  }

  start(): void {
    this.warm()
    this.isStarted = true
    for (const boot of this.loaded.splice(0)) boot()
  }

  /**
   * Every worker gets it, those that drain too: they still answer on their connections. One that is at work on another gets
   * the newest of those that come meanwhile when it is done.
   */
  publishConfig(revision: ConfigRevision, isProven = false): void {
    this.config = revision
    if (isProven) this.proven = revision
    const deltas = new Map<SegmentedConfig, string>()
    for (const member of this.members.values()) this.giveNewest(member, deltas)
  }

  publishEndpoints(message: EndpointsMessage): void {
    this.endpoints.set(message.upstream, message)
    this.tellAll(message)
  }

  /** Heard every ten seconds, and mostly the same. */
  publishFleet(message: FleetMessage): void {
    const { az, dc, global } = message.workers
    if (this.fleet !== undefined && this.fleet.workers.az === az && this.fleet.workers.dc === dc && this.fleet.workers.global === global) return
    this.fleet = message
    this.tellAll(message)
  }

  /** What every worker that serves has reached; no revision before the first document. */
  reached(): { revision: ConfigRevision | undefined; credentialVersion: number; listening: number; refusal: Member['refusal'] } {
    let lowest: Member | undefined
    let refusal: Member['refusal']
    let credentialVersion = Infinity
    let listening = 0
    for (const member of this.members.values()) {
      if (!member.serving) continue
      if (lowest === undefined || revisionOf(member) < revisionOf(lowest)) lowest = member
      if (member.listening && !member.draining) listening++
      credentialVersion = Math.min(credentialVersion, member.credentialVersion)
      refusal ??= member.refusal
    }
    return { revision: lowest?.running, credentialVersion: lowest === undefined ? 0 : credentialVersion, listening, refusal }
  }

  publishOrders(message: OrdersMessage): void {
    this.orders = message
    this.tellAll(message)
  }

  /** Those that every worker that serves obeys. */
  obeyedOrders(): string[] {
    if (this.orders === undefined) return []
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
    clearInterval(this.keyTurner)
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
    const member: Member = {
      worker, startedAt: performance.now(), sent: undefined, serving: false, listensFrom: 0, mayListen: false, listening: false, draining: false, started: false, hung: false, taking: undefined, running: undefined,
      credentialVersion: 0, orders: [], refusal: undefined, addresses: [], lastPongAt: performance.now(), detachBus: detach,
    }
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
        if (!this.isStarted) this.loaded.push(() => this.boot(member, reply))
        else this.boot(member, reply)
        return
      case 'prepared':
        member.serving = true
        member.listensFrom = this.config?.revision ?? 0
        return this.letListen(member)
      case 'listening':
        member.listening = true
        member.addresses = message.addresses
        return this.parts.onChange()
      case 'applied':
        return this.onApplied(member, message)
      case 'refused':
        member.refusal = { ...message.refusal, revision: message.revision, digest: message.digest }
        this.parts.onChange()
        return this.answered(member, message)
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

  /** The newest of everything, before it is asked to listen; messages arrive in order. */
  private boot(member: Member, reply: (message: ToWorker) => void): void {
    reply({ kind: 'boot', settings: this.parts.settings })
    reply({ kind: 'ticket-keys', keys: this.ticketKeys })
    for (const message of this.endpoints.values()) reply(message)
    if (this.fleet !== undefined) reply(this.fleet)
    if (this.orders !== undefined) reply(this.orders)
    member.sent = emptyConfig
    // First what is known to run: should the newest be refused, there is something to serve.
    if (this.proven !== undefined && this.proven !== this.config) this.give(member, this.proven, new Map())
    this.giveNewest(member, new Map())
    reply({ kind: 'prepare' })
  }

  private giveNewest(member: Member, deltas: Map<SegmentedConfig, string>): void {
    const { config } = this
    if (config === undefined || member.sent === undefined || member.taking !== undefined) return
    this.give(member, config, deltas)
  }

  private give(member: Member, revision: ConfigRevision, deltas: Map<SegmentedConfig, string>): void {
    member.taking = revision
    sendMessage(member.worker, messageFor(revision, member.sent!, deltas, revision === this.proven))
    member.sent = revision.config
  }

  private onApplied(member: Member, message: Extract<FromWorker, { kind: 'applied' }>): void {
    if (!isAbout(member.taking, message)) return
    member.running = member.taking
    this.proven = member.running
    member.refusal = undefined
    if (message.addresses.length > 0) member.addresses = message.addresses
    this.parts.onChange()
    this.answered(member, message)
  }

  private answered(member: Member, message: RevisionAnswer): void {
    const { taking } = member
    if (!isAbout(taking, message)) return
    member.taking = undefined
    if (taking !== this.config) this.giveNewest(member, new Map())
    this.letListen(member)
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

  private turnTicketKeys(): void {
    this.ticketKeys = newTicketKeys()
    this.tellAll({ kind: 'ticket-keys', keys: this.ticketKeys })
  }

  private tellAll(message: ToWorker): void {
    for (const member of this.members.values()) sendMessage(member.worker, message)
  }
}

type RevisionAnswer = Pick<Extract<FromWorker, { kind: 'applied' | 'refused' }>, 'revision' | 'digest'>

/** A worker that cannot listen refuses what it runs, not what it is being given. */
function isAbout(taking: ConfigRevision | undefined, { revision, digest }: RevisionAnswer): boolean {
  return taking?.revision === revision && taking.config.digest === digest
}

function revisionOf({ running }: Member): number {
  return running?.revision ?? 0
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

/** What leads from what a worker has to the revision; workers are mostly at the same one, so `deltas` keeps it. */
function messageFor({ revision, config }: ConfigRevision, sent: SegmentedConfig, deltas: Map<SegmentedConfig, string>, isProven: boolean): ConfigMessage {
  const lines = deltas.get(sent) ?? (sent === emptyConfig ? config.segments.map((segment) => segment.text).join('') : textOfLines(deltaBetween(sent, config)))
  deltas.set(sent, lines)
  return { kind: 'config', revision, digest: config.digest, lines, isProven }
}

/** As `node:tls` wants them: 16 bytes of a name, 16 for the HMAC, 16 for AES. */
function newTicketKeys(): Uint8Array {
  return randomBytes(48)
}

const replaceDeadlineMs = 30_000
/** After the last exchange: for access records and usage to leave. */
const flushMs = 3000
