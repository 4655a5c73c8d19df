/**
 * What all workers are told, and each that starts later as well: revisions, endpoints, orders, how many share a limit, the
 * keys under session tickets. A worker is given one revision at a time.
 */
import { randomBytes } from 'node:crypto'
import type { ConfigRevision } from '@sluice/buses/config-feed'
import { deltaBetween, emptyConfig, type SegmentedConfig, textOfLines } from '@sluice/proto/config'
import type { Member } from './member.ts'
import { sendMessage, type ConfigMessage, type EndpointsMessage, type FleetMessage, type FromWorker, type OrdersMessage, type ToWorker, type WorkerSettings } from './messages.ts'

/** Who gets hold of the keys under session tickets can take sessions over: they are short-lived (RFC 9325 §4.4). */
const ticketKeysMs = 86_400_000

export class HandedOut {
  private readonly members: () => Iterable<Member>
  private readonly endpoints = new Map<string, EndpointsMessage>()
  private config: ConfigRevision | undefined
  /** The newest one that a worker has run. */
  private proven: ConfigRevision | undefined
  private fleet: FleetMessage | undefined
  private orders: OrdersMessage | undefined
  private ticketKeys = newTicketKeys()
  private keyTurner: NodeJS.Timeout | undefined

  constructor(members: () => Iterable<Member>) {
    this.members = members
  }

  start(): void {
    this.keyTurner = setInterval(() => this.turnTicketKeys(), ticketKeysMs).unref()
  }

  stop(): void {
    clearInterval(this.keyTurner)
  }

  /** The number of the newest. */
  get revision(): number {
    return this.config?.revision ?? 0
  }

  /** Break-glass orders; undefined before the first word of them. */
  get standingOrders(): OrdersMessage | undefined {
    return this.orders
  }

  /**
   * Every worker gets it, those that drain too: they still answer on their connections. One that is at work on another gets
   * the newest of those that come meanwhile when it is done.
   */
  publishConfig(revision: ConfigRevision, isProven: boolean): void {
    this.config = revision
    if (isProven) this.proven = revision
    for (const member of this.members()) this.giveNewest(member)
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

  publishOrders(message: OrdersMessage): void {
    this.orders = message
    this.tellAll(message)
  }

  /** The newest of everything, before it is asked to listen; messages arrive in order. */
  boot(member: Member, settings: WorkerSettings): void {
    const tell = (message: ToWorker): void => sendMessage(member.worker, message)
    tell({ kind: 'boot', settings })
    tell({ kind: 'ticket-keys', keys: this.ticketKeys })
    for (const message of this.endpoints.values()) tell(message)
    if (this.fleet !== undefined) tell(this.fleet)
    if (this.orders !== undefined) tell(this.orders)
    member.sent = emptyConfig
    // First what is known to run: should the newest be refused, there is something to serve.
    if (this.proven !== undefined && this.proven !== this.config) this.give(member, this.proven)
    this.giveNewest(member)
    tell({ kind: 'prepare' })
  }

  /** The worker serves by what it was given; false for something else. */
  applied(member: Member, answer: RevisionAnswer): boolean {
    if (!isAbout(member.taking, answer)) return false
    member.running = member.taking
    this.proven = member.running
    member.refusal = undefined
    return true
  }

  /** Whatever came of what it was given: if there is something newer, that is next. False for something else. */
  answered(member: Member, answer: RevisionAnswer): boolean {
    const { taking } = member
    if (!isAbout(taking, answer)) return false
    member.taking = undefined
    if (taking !== this.config) this.giveNewest(member)
    return true
  }

  private giveNewest(member: Member): void {
    const { config } = this
    if (config === undefined || member.sent === undefined || member.taking !== undefined) return
    this.give(member, config)
  }

  private give(member: Member, revision: ConfigRevision): void {
    member.taking = revision
    sendMessage(member.worker, messageFor(revision, member.sent!, revision === this.proven))
    member.sent = revision.config
  }

  private turnTicketKeys(): void {
    this.ticketKeys = newTicketKeys()
    this.tellAll({ kind: 'ticket-keys', keys: this.ticketKeys })
  }

  private tellAll(message: ToWorker): void {
    for (const member of this.members()) sendMessage(member.worker, message)
  }
}

type RevisionAnswer = Pick<Extract<FromWorker, { kind: 'applied' | 'refused' }>, 'revision' | 'digest'>

/** A worker that cannot listen refuses what it runs, not what it is being given. */
function isAbout(taking: ConfigRevision | undefined, { revision, digest }: RevisionAnswer): boolean {
  return taking?.revision === revision && taking.config.digest === digest
}

/** What leads from what a worker has to the revision. */
function messageFor({ revision, config }: ConfigRevision, sent: SegmentedConfig, isProven: boolean): ConfigMessage {
  const lines = sent === emptyConfig ? config.segments.map((segment) => segment.text).join('') : textOfLines(deltaBetween(sent, config))
  return { kind: 'config', revision, digest: config.digest, lines, isProven }
}

/** As `node:tls` wants them: 16 bytes of a name, 16 for the HMAC, 16 for AES. */
function newTicketKeys(): Uint8Array {
  return randomBytes(48)
}
