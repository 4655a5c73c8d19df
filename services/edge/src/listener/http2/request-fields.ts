/** Reads the fields of a request, or of its trailers, as they are decoded, into what the rest of the gateway goes by (RFC 9113 §8.1, §8.3). */
import { fieldKinds, type Field } from './field.ts'
import type { FieldSink } from './hpack-decoder.ts'

export interface Http2Request {
  /** GET for a WebSocket, as it is everywhere else. */
  readonly method: string
  /** Of an extended CONNECT (RFC 8441 §4); empty for any other request. */
  readonly protocol: string
  readonly target: string
  /** Flat; Host from `:authority`, cookies joined. */
  readonly fields: string[]
  /** -1: there is no Content-Length. */
  readonly contentLength: number
  readonly expectsContinue: boolean
  /** It expects something else than 100-continue. */
  readonly expectsUnknown: boolean
  readonly acceptsTrailers: boolean
  readonly isGrpc: boolean
  /** More fields than are taken, or larger ones; those that were are not all of them. */
  readonly isTooLarge: boolean
}

export interface FieldLimits {
  readonly maxHeaderListBytes: number
  readonly maxHeaderFields: number
}

export class RequestFields implements FieldSink {
  private readonly limits: FieldLimits
  private isTrailers = false
  private isMalformed = false
  private bytes = 0
  private count = 0
  private fields: string[] = []
  private method = ''
  private scheme = ''
  private path = ''
  private protocol = ''
  private authority: string | undefined
  private cookieAt = -1
  private contentLength = -1
  private expectation = ''
  private acceptsTrailers = false
  private isGrpc = false
  /** Whether a field stood there that is not kept. */
  private hasOthers = false

  constructor(limits: FieldLimits) {
    this.limits = limits
  }

  /** What comes from now on is another block. */
  begin(isTrailers: boolean): void {
    this.isTrailers = isTrailers
    this.isMalformed = false
    this.bytes = 0
    this.count = 0
    this.fields = []
    this.method = ''
    this.scheme = ''
    this.path = ''
    this.protocol = ''
    this.authority = undefined
    this.cookieAt = -1
    this.contentLength = -1
    this.expectation = ''
    this.acceptsTrailers = false
    this.isGrpc = false
    this.hasOthers = false
  }

  /** As large as RFC 9113 §10.5.1 counts; what is beyond the limits is read and not kept. */
  onField(field: Field): void {
    this.bytes += field.size
    this.count++
    if (this.isTooLarge) return
    if (field.kind !== fieldKinds.plain && !this.note(field)) return
    this.fields.push(field.name, field.value)
  }

  /** The request; undefined when it is malformed. */
  request(): Http2Request | undefined {
    if (this.isMalformed || !this.isComplete()) return undefined
    const { method, protocol, path: target, fields, contentLength, expectation, acceptsTrailers, isGrpc, isTooLarge } = this
    return { method: protocol === 'websocket' ? 'GET' : method, protocol, target, fields, contentLength, expectsContinue: expectation === '100-continue', expectsUnknown: expectation !== '' && expectation !== '100-continue', acceptsTrailers, isGrpc, isTooLarge }
  }

  /** The trailers, flat; undefined when they are malformed or too large. */
  trailers(): string[] | undefined {
    return this.isMalformed || this.isTooLarge ? undefined : this.fields
  }

  private get isTooLarge(): boolean {
    return this.bytes > this.limits.maxHeaderListBytes || this.count > this.limits.maxHeaderFields
  }

  /** RFC 9113 §8.3.1; those of a tunnel in §8.5. A list that is cut short has said as much as it will. */
  private isComplete(): boolean {
    if (this.isTooLarge) return true
    if (this.method === 'CONNECT' && this.protocol === '') return this.authority !== undefined && this.scheme === '' && this.path === ''
    if (this.method === '' || this.scheme === '' || this.path === '') return false
    return (this.path !== '*' || this.method === 'OPTIONS') && (this.protocol === '' || (this.method === 'CONNECT' && this.authority !== undefined))
  }

  /** Whether the field goes among the others. */
  private note({ kind, name, value }: Field): boolean {
    if (kind === fieldKinds.malformed) this.isMalformed = true
    if (this.isTrailers) {
      // None but the head's may say what is asked for (§8.1).
      if (name.charCodeAt(0) === 0x3a) this.isMalformed = true
      return true
    }
    switch (kind) {
      case fieldKinds.method:
        this.method = this.once(this.method, value)
        return false
      case fieldKinds.scheme:
        this.scheme = this.once(this.scheme, value)
        return false
      case fieldKinds.path:
        this.path = this.once(this.path, value)
        return false
      case fieldKinds.protocol:
        this.protocol = this.once(this.protocol, value)
        return false
      case fieldKinds.authority:
        return this.noteAuthority(value)
      case fieldKinds.host:
        // A Host that is not `:authority` stays beside it: the request is refused as one with two (§8.3.1).
        this.hasOthers = true
        return this.authority === undefined || value.toLowerCase() !== this.authority.toLowerCase()
      case fieldKinds.cookie:
        return this.noteCookie(value)
      case fieldKinds.contentLength:
        if (this.contentLength >= 0) this.isMalformed = true
        this.contentLength = Number(value)
        return true
      case fieldKinds.expect:
        this.expectation = value.toLowerCase()
        return true
      case fieldKinds.contentType:
        // Not gRPC-Web, which is made for what knows no trailers.
        this.isGrpc = /^application\/grpc(?:\+|;|$)/.test(value)
        return true
      case fieldKinds.te:
        this.acceptsTrailers = true
        return true
      default:
        return true
    }
  }

  private once(before: string, value: string): string {
    if (before !== '') this.isMalformed = true
    this.mustStandInFront()
    return value
  }

  private noteAuthority(value: string): boolean {
    if (this.authority !== undefined) this.isMalformed = true
    this.mustStandInFront()
    this.authority = value
    this.fields.push('host', value)
    return false
  }

  /** §8.3: pseudo-header fields come before all others. */
  private mustStandInFront(): void {
    if (this.hasOthers || this.fields.length > (this.authority === undefined ? 0 : 2)) this.isMalformed = true
  }

  /** One may be split, to compress better; before it goes on as HTTP/1.1 it is one field again (§8.2.3). */
  private noteCookie(value: string): boolean {
    if (this.cookieAt < 0) {
      this.cookieAt = this.fields.length + 1
      return true
    }
    this.fields[this.cookieAt] += `; ${value}`
    return false
  }
}
