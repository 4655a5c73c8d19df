// An authoritative DNS server on UDP and TCP of one port: it answers from a zone that a test changes.
import { createSocket, type Socket as DatagramSocket } from 'node:dgram'
import { createServer, type AddressInfo, type Server } from 'node:net'
import type { Cleanup } from './child-process.ts'

export interface DnsZone {
  /** By name: addresses, or `priority weight port target` for SRV, or the target for CNAME. */
  readonly [name: string]: { readonly A?: readonly string[]; readonly AAAA?: readonly string[]; readonly SRV?: readonly string[]; readonly CNAME?: string; readonly ttlSeconds?: number }
}

export interface DnsServer {
  readonly port: number
  /** `127.0.0.1:port`. */
  readonly address: string
  /** What was asked, as `TYPE name` over `udp` or `tcp`. */
  readonly questions: { readonly text: string; readonly over: 'udp' | 'tcp'; readonly at: number }[]
  set(zone: DnsZone): void
  /** From now on every answer is this code, such as 2 for SERVFAIL; 0 answers as before. */
  fail(code: number): void
  /** Datagrams are answered as too short to hold the answer. */
  truncate(isOn: boolean): void
  /** Neither port is open any more; `start` opens them again. */
  kill(): Promise<void>
  start(): Promise<void>
}

const types: Readonly<Record<number, 'A' | 'CNAME' | 'AAAA' | 'SRV'>> = { 1: 'A', 5: 'CNAME', 28: 'AAAA', 33: 'SRV' }

/** Starts one that ends with the test. */
export async function startDnsServer(t: Cleanup, zone: DnsZone = {}): Promise<DnsServer> {
  const server = new ZoneServer(zone)
  await server.start()
  t.after(() => server.kill())
  return server
}

class ZoneServer implements DnsServer {
  readonly questions: { text: string; over: 'udp' | 'tcp'; at: number }[] = []
  #zone: DnsZone
  #code = 0
  #isTruncating = false
  #port = 0
  #udp: DatagramSocket | undefined
  #tcp: Server | undefined

  constructor(zone: DnsZone) {
    this.#zone = zone
  }

  get port(): number {
    return this.#port
  }

  get address(): string {
    return `127.0.0.1:${this.#port}`
  }

  set(zone: DnsZone): void {
    this.#zone = zone
  }

  fail(code: number): void {
    this.#code = code
  }

  truncate(isOn: boolean): void {
    this.#isTruncating = isOn
  }

  async start(): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.#open()
      } catch (error) {
        await this.kill()
        if (attempt === 5 || this.#port !== 0) throw error
      }
    }
  }

  async kill(): Promise<void> {
    const { promise: udpClosed, resolve: onUdpClosed } = Promise.withResolvers<void>()
    const { promise: tcpClosed, resolve: onTcpClosed } = Promise.withResolvers<void>()
    if (this.#udp === undefined) onUdpClosed()
    else this.#udp.close(() => onUdpClosed())
    if (this.#tcp?.listening !== true) onTcpClosed()
    else this.#tcp.close(() => onTcpClosed())
    this.#udp = this.#tcp = undefined
    await Promise.all([udpClosed, tcpClosed])
  }

  async #open(): Promise<void> {
    const tcp = (this.#tcp = createServer((socket) => {
      socket.on('error', () => {}).on('data', (bytes: Buffer) => {
        const reply = this.#reply(bytes.subarray(2), 'tcp')
        const length = Buffer.alloc(2)
        length.writeUInt16BE(reply.length)
        socket.end(Buffer.concat([length, reply]))
      })
    }))
    await new Promise<void>((resolve, reject) => tcp.once('error', reject).listen({ port: this.#port, host: '127.0.0.1' }, resolve))
    const { port } = tcp.address() as AddressInfo
    const udp = (this.#udp = createSocket('udp4', (bytes, from) => udp.send(this.#reply(bytes, 'udp'), from.port, from.address, () => {})))
    // The port of the other kind may be somebody else's.
    await new Promise<void>((resolve, reject) => udp.once('error', reject).bind(port, '127.0.0.1', resolve))
    this.#port = port
  }

  #reply(bytes: Buffer, over: 'udp' | 'tcp'): Buffer {
    const labels: string[] = []
    let at = 12
    for (let length = bytes[at]!; length > 0; length = bytes[at]!) {
      labels.push(bytes.toString('latin1', at + 1, at + 1 + length))
      at += 1 + length
    }
    const question = bytes.subarray(12, at + 5)
    const type = types[bytes.readUInt16BE(at + 1)]
    const name = labels.join('.').toLowerCase()
    this.questions.push({ text: `${type ?? '?'} ${name}`, over, at: performance.now() })
    const isCut = over === 'udp' && this.#isTruncating
    const records = isCut || this.#code !== 0 ? [] : this.#recordsOf(name, type)
    const code = this.#code !== 0 ? this.#code : this.#zone[name] === undefined ? 3 : 0
    const head = Buffer.alloc(12)
    head.writeUInt16BE(bytes.readUInt16BE(0), 0)
    head.writeUInt16BE(0x8400 | (isCut ? 0x0200 : 0) | code, 2)
    head.writeUInt16BE(1, 4)
    head.writeUInt16BE(records.length, 6)
    return Buffer.concat([head, question, ...records])
  }

  #recordsOf(name: string, type: 'A' | 'CNAME' | 'AAAA' | 'SRV' | undefined): Buffer[] {
    const entry = this.#zone[name]
    if (entry === undefined || type === undefined) return []
    const ttl = entry.ttlSeconds ?? 60
    if (entry.CNAME !== undefined) return [record(name, 5, ttl, encodeName(entry.CNAME)), ...this.#recordsOf(entry.CNAME, type)]
    switch (type) {
      case 'A':
        return (entry.A ?? []).map((address) => record(name, 1, ttl, Buffer.from(address.split('.').map(Number))))
      case 'AAAA':
        return (entry.AAAA ?? []).map((address) => record(name, 28, ttl, sixteenBytes(address)))
      case 'SRV':
        return (entry.SRV ?? []).map((text) => record(name, 33, ttl, serviceData(text)))
      default:
        return []
    }
  }
}

function record(name: string, type: number, ttl: number, data: Buffer): Buffer {
  const head = Buffer.alloc(10)
  head.writeUInt16BE(type, 0)
  head.writeUInt16BE(1, 2)
  head.writeUInt32BE(ttl, 4)
  head.writeUInt16BE(data.length, 8)
  return Buffer.concat([encodeName(name), head, data])
}

function serviceData(text: string): Buffer {
  const [priority, weight, port, target = ''] = text.split(' ')
  const numbers = Buffer.alloc(6)
  for (const [index, number] of [priority, weight, port].entries()) numbers.writeUInt16BE(Number(number), index * 2)
  return Buffer.concat([numbers, encodeName(target)])
}

function encodeName(name: string): Buffer {
  const labels = name.split('.').filter((label) => label !== '')
  return Buffer.concat([...labels.map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')])), Buffer.from([0])])
}

/** Of an address with at most one `::`. */
function sixteenBytes(address: string): Buffer {
  const [front = '', back] = address.split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':'))
  const missing = 8 - groups(front).length - groups(back ?? '').length
  const all = [...groups(front), ...Array.from({ length: back === undefined ? 0 : missing }, () => '0'), ...groups(back ?? '')]
  return Buffer.from(all.map((group) => group.padStart(4, '0')).join(''), 'hex')
}
