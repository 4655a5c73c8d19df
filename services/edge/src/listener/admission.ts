/**
 * Between a listening socket and whatever reads from its connections: how many there may be, and, where a proxy in
 * front says so, whose they are. A connection that is refused costs no more than the refusal.
 */
import type { Socket } from 'node:net'
import { ipv6Prefix, normaliseAddress, unixPeer } from '@sluice/http'
import type { OpenVerdict } from '@sluice/policies/policy'
import { AddressSlots, type AddressLimit } from './address-slots.ts'
import type { DoorRules } from './door-rules.ts'
import { readProxyHeader } from './proxy-header.ts'

/** Why a connection was not let in. */
export type RefusedConnection = 'address_limit' | 'connection_limit' | 'proxy_header'

export interface AdmissionParts {
  readonly rules: () => DoorRules
  /** A Unix socket: its peers have no address, and whoever may open the file is trusted. */
  readonly isUnix: boolean
  /** `peerAddress`: whose connection it is. */
  readonly onAdmitted: (socket: Socket, peerAddress: string) => void
  readonly onRefused: (reason: RefusedConnection) => void
  /** What a refused client is sent; undefined: the connection ends without a word. */
  readonly refusal: ((reason: RefusedConnection) => string) | undefined
}

/** For the header of a proxy, which sends it at once. */
const proxyHeaderMs = 5000
/** For a refused client to read why. */
const farewellMs = 1000
/** Refused clients that are waited for; those beyond are cut. */
const maxFarewells = 256

type Waiting = { readonly for: 'header' | 'verdict' | 'farewell'; readonly until: number }

export class Admission {
  private readonly parts: AdmissionParts
  /** Connections that are not in yet, or are on their way out. */
  private readonly between = new Map<Socket, Waiting>()
  private readonly slots = new AddressSlots()
  private farewells = 0
  /** Those that are in, or may come in. */
  private open = 0

  constructor(parts: AdmissionParts) {
    this.parts = parts
    this.configure(parts.rules())
  }

  /** The rules have changed. */
  configure({ addresses }: DoorRules): void {
    this.slots.configure(addresses)
  }

  accept(socket: Socket): void {
    const rules = this.parts.rules()
    const peer = this.parts.isUnix ? unixPeer : normaliseAddress(socket.remoteAddress ?? '')
    socket.on('error', ignore)
    // Gone before it was looked at.
    if (peer === '') return void socket.destroy()
    this.open++
    socket.once('close', this.onClose)
    if (this.open > rules.maxConnections) this.refuse(socket, 'connection_limit')
    else if (rules.proxyProtocol && (this.parts.isUnix || rules.trustedProxies.contains(peer))) this.awaitHeader(socket, peer, rules)
    else this.enter(socket, peer, rules)
  }

  /** Ends those whose time is over. */
  sweep(now: number): void {
    this.slots.giveBack(now)
    for (const [socket, waiting] of this.between) {
      if (now < waiting.until) continue
      if (waiting.for === 'header') this.refuse(socket, 'proxy_header')
      else socket.destroy()
    }
  }

  /** Ends all that are not in. */
  destroy(): void {
    for (const socket of this.between.keys()) socket.destroy()
  }

  private readonly onClose = (): void => void this.open--

  private awaitHeader(socket: Socket, peer: string, rules: DoorRules): void {
    let bytes: Buffer = empty
    const onReadable = (): void => {
      const chunk = socket.read() as Buffer | null
      if (chunk === null) return
      bytes = bytes.length === 0 ? chunk : Buffer.concat([bytes, chunk])
      const header = readProxyHeader(bytes)
      if (header.kind === 'incomplete') return
      socket.off('readable', onReadable)
      if (header.kind === 'bad') return this.refuse(socket, 'proxy_header')
      this.between.delete(socket)
      if (bytes.length > header.length) socket.unshift(bytes.subarray(header.length))
      this.enter(socket, header.source === undefined ? peer : normaliseAddress(header.source), rules)
    }
    this.wait(socket, 'header', proxyHeaderMs)
    socket.on('readable', onReadable)
    // Whoever closes without a header has only looked whether somebody listens.
    socket.once('end', () => {
      if (this.between.get(socket)?.for === 'header') socket.destroy()
    })
  }

  private enter(socket: Socket, address: string, { addresses, trustedProxies }: DoorRules): void {
    if (addresses === undefined || address === unixPeer || trustedProxies.contains(address)) return this.parts.onAdmitted(socket, address)
    const key = ipv6Prefix(address, 64)
    const verdict = this.slots.enter(key)
    if (verdict instanceof Promise) {
      this.wait(socket, 'verdict', Infinity)
      void this.enterLate(socket, address, key, verdict, addresses)
    } else this.decide(socket, address, key, verdict, addresses)
  }

  /** The parent counts, and answers within a second; when it does not, nobody is kept out. */
  private async enterLate(socket: Socket, address: string, key: string, late: Promise<OpenVerdict>, addresses: AddressLimit): Promise<void> {
    const verdict = await late
    this.between.delete(socket)
    this.decide(socket, address, key, verdict, addresses)
  }

  private decide(socket: Socket, address: string, key: string, verdict: OpenVerdict | undefined, addresses: AddressLimit): void {
    const isCounted = verdict?.counted === true
    if (socket.destroyed) {
      if (isCounted) this.slots.leave(key, addresses)
      return
    }
    if (verdict?.admitted === false) return this.refuse(socket, 'address_limit')
    if (isCounted) socket.once('close', () => this.slots.leave(key, addresses))
    this.parts.onAdmitted(socket, address)
  }

  private refuse(socket: Socket, reason: RefusedConnection): void {
    const { refusal, onRefused } = this.parts
    onRefused(reason)
    this.open--
    socket.off('close', this.onClose)
    if (refusal === undefined || reason === 'proxy_header' || this.farewells >= maxFarewells) return void socket.destroy()
    this.farewells++
    this.wait(socket, 'farewell', farewellMs)
    socket.once('close', () => this.farewells--)
    socket.resume()
    socket.end(refusal(reason), 'latin1')
  }

  private wait(socket: Socket, what: Waiting['for'], ms: number): void {
    this.between.set(socket, { for: what, until: performance.now() + ms })
    socket.once('close', () => this.between.delete(socket))
  }
}

const empty = Buffer.alloc(0)
const ignore = (): void => undefined
