/**
 * The part of the DNS message format (RFC 1035 §4) that finding addresses needs: one question, and A, AAAA (RFC 3596), SRV
 * (RFC 2782) and CNAME records of the answer. Bytes in, facts out; what is cut short or points in circles throws.
 */
export type RecordType = 'A' | 'AAAA' | 'SRV'

export interface AddressRecord {
  readonly type: 'A' | 'AAAA'
  readonly name: string
  readonly ttlSeconds: number
  readonly address: string
}

export interface ServiceRecord {
  readonly type: 'SRV'
  readonly name: string
  readonly ttlSeconds: number
  readonly priority: number
  readonly weight: number
  readonly port: number
  /** Lower case, without a dot at the end; empty for the root, which says that there is no such service. */
  readonly target: string
}

export type DnsRecord = AddressRecord | ServiceRecord

export interface DnsAnswer {
  readonly id: number
  /** What was asked, as the server repeats it. */
  readonly question: { readonly name: string; readonly type: number }
  /** RCODE: 0 no error, 3 no such name. */
  readonly code: number
  readonly isTruncated: boolean
  /** Of the answer section, of whatever name: a CNAME before them has led there. */
  readonly records: readonly DnsRecord[]
  /** Of the additional section. */
  readonly additional: readonly DnsRecord[]
  /** The least of the answer section, CNAMEs included; undefined when that is empty. */
  readonly ttlSeconds: number | undefined
}

export const typeNumbers: Readonly<Record<RecordType, number>> = { A: 1, AAAA: 28, SRV: 33 }
const cnameType = 5
const optType = 41
const internetClass = 1
/** What a datagram passes without being cut in pieces on nearly every path (DNS Flag Day 2020). */
const maxDatagramBytes = 1232

/** A question with recursion desired and EDNS(0) (RFC 6891) for answers of more than 512 bytes. */
export function encodeQuestion(id: number, name: string, type: RecordType): Buffer {
  const head = Buffer.alloc(12)
  head.writeUInt16BE(id, 0)
  head.writeUInt16BE(0x0100, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(1, 10)
  const labels = name.replace(/\.$/, '').split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label, 'latin1')]))
  const question = Buffer.from([0, 0, typeNumbers[type], 0, internetClass])
  const options = Buffer.from([0, 0, optType, maxDatagramBytes >> 8, maxDatagramBytes & 0xff, 0, 0, 0, 0, 0, 0])
  return Buffer.concat([head, ...labels, question, options])
}

/** Throws an `Error` when it is no whole answer to one question. */
export function decodeAnswer(bytes: Buffer): DnsAnswer {
  const reader = new Reader(bytes)
  const [id, flags, questions, answers, authorities, additionals] = [reader.uint16(), reader.uint16(), reader.uint16(), reader.uint16(), reader.uint16(), reader.uint16()]
  if ((flags & 0x8000) === 0 || questions !== 1) throw new Error('the message is no answer to one question')
  const question = { name: reader.name(), type: reader.uint16() }
  reader.uint16()
  const isTruncated = (flags & 0x0200) !== 0
  const facts = { id, question, code: flags & 0x0f, isTruncated }
  if (isTruncated) return { ...facts, records: [], additional: [], ttlSeconds: undefined }
  const answer = readSection(reader, answers)
  readSection(reader, authorities)
  return { ...facts, records: answer.records, ttlSeconds: answer.ttlSeconds, additional: readSection(reader, additionals).records }
}

function readSection(reader: Reader, count: number): { records: DnsRecord[]; ttlSeconds: number | undefined } {
  const records: DnsRecord[] = []
  let ttlSeconds: number | undefined
  for (let index = 0; index < count; index++) {
    const name = reader.name()
    const [type, recordClass] = [reader.uint16(), reader.uint16()]
    const ttl = reader.uint32()
    const end = reader.uint16() + reader.at
    const record = recordClass === internetClass ? readRecord(reader, name, type, ttl) : undefined
    if (record !== undefined || type === cnameType) ttlSeconds = Math.min(ttlSeconds ?? Infinity, ttl)
    if (record !== undefined) records.push(record)
    reader.moveTo(end)
  }
  return { records, ttlSeconds }
}

function readRecord(reader: Reader, name: string, type: number, ttl: number): DnsRecord | undefined {
  // A time with its highest bit set is to be read as zero (RFC 2181 §8).
  const ttlSeconds = ttl > 0x7fffffff ? 0 : ttl
  switch (type) {
    case typeNumbers.A:
      return { type: 'A', name, ttlSeconds, address: [...reader.bytes(4)].join('.') }
    case typeNumbers.AAAA:
      return { type: 'AAAA', name, ttlSeconds, address: addressOf(reader.bytes(16)) }
    case typeNumbers.SRV:
      return { type: 'SRV', name, ttlSeconds, priority: reader.uint16(), weight: reader.uint16(), port: reader.uint16(), target: reader.name() }
    default:
      return undefined
  }
}

/** In the form of RFC 5952, which is that of URLs. */
function addressOf(bytes: Buffer): string {
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16))
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1)
}

class Reader {
  at = 0
  readonly #bytes: Buffer

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  uint16(): number {
    this.at += 2
    return this.#bytes.readUInt16BE(this.at - 2)
  }

  uint32(): number {
    this.at += 4
    return this.#bytes.readUInt32BE(this.at - 4)
  }

  bytes(count: number): Buffer {
    if (this.at + count > this.#bytes.length) throw new RangeError('the message is cut short')
    this.at += count
    return this.#bytes.subarray(this.at - count, this.at)
  }

  moveTo(position: number): void {
    if (position > this.#bytes.length) throw new RangeError('the message is cut short')
    this.at = position
  }

  /** In lower case. A pointer leads back only (RFC 1035 §4.1.4), so that no name goes round for ever. */
  name(): string {
    const labels: string[] = []
    let position = this.at
    let limit = this.#bytes.length
    let hasJumped = false
    for (;;) {
      const length = this.#bytes.readUInt8(position)
      if (length >= 0xc0) {
        const target = this.#bytes.readUInt16BE(position) & 0x3fff
        if (!hasJumped) this.at = position + 2
        if (target >= Math.min(position, limit)) throw new Error('a name in the message points forward')
        hasJumped = true
        limit = target
        position = target
        continue
      }
      if (length > 63) throw new Error('a label in the message has a reserved form')
      if (length === 0) break
      if (position + 1 + length > this.#bytes.length) throw new RangeError('the message is cut short')
      labels.push(this.#bytes.toString('latin1', position + 1, position + 1 + length))
      if (labels.length > 127) throw new Error('a name in the message is too long')
      position += 1 + length
    }
    if (!hasJumped) this.at = position + 1
    return labels.join('.').toLowerCase()
  }
}
