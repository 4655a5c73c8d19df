/**
 * The messages of `envoy.service.auth.v3` as far as they are used here, on the wire: what is asked about a request, and
 * what is answered. Field numbers are those of attribute_context.proto and external_auth.proto. Left out: the peer's
 * certificate, the body, metadata.
 */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import type { ExternalAnswer, ExternalQuestion } from '@sluice/policies/policy'

const forbidden = 403

/** `CheckRequest` */
export function writeCheckRequest({ requestId, method, scheme, host, target, address, headers }: ExternalQuestion): Uint8Array {
  const writer = new BinaryWriter()
  const message = (field: number, write: () => void): void => {
    writer.tag(field, WireType.LengthDelimited).fork()
    write()
    writer.join()
  }
  const text = (field: number, value: string): void => void writer.tag(field, WireType.LengthDelimited).string(value)
  message(1, () => {
    // source.address.socket_address.address
    message(1, () => message(1, () => message(1, () => text(2, address))))
    // request.http
    message(4, () =>
      message(2, () => {
        text(1, requestId)
        text(2, method)
        for (const [name, value] of joined(headers)) message(3, () => (text(1, name), text(2, value)))
        text(4, target)
        text(5, host)
        text(6, scheme)
        text(10, 'HTTP/1.1')
      }),
    )
  })
  return writer.finish()
}

/** A map holds one value a name: several lines of a field are one, joined by commas (those of Cookie by semicolons, RFC 9113 §8.2.3). */
function joined(headers: readonly string[]): Map<string, string> {
  const fields = new Map<string, string>()
  for (let at = 0; at < headers.length; at += 2) {
    const [name, value] = [headers[at]!.toLowerCase(), headers[at + 1]!]
    const before = fields.get(name)
    fields.set(name, before === undefined ? value : before + (name === 'cookie' ? '; ' : ',') + value)
  }
  return fields
}

interface Denied {
  status: number
  readonly headers: string[]
  body: string
}

/** `CheckResponse`: yes only with status 0 (`google.rpc.Code.OK`) and without a `denied_response`. Throws what cannot be read. */
export function readCheckResponse(bytes: Uint8Array): ExternalAnswer {
  let code = 0
  let denied: Denied | undefined
  const allowed = { headers: [] as string[], remove: [] as string[], responseHeaders: [] as string[] }
  readFields(bytes, {
    1: (status) => readFields(status.bytes(), { 1: (one) => void (code = one.int32()) }),
    2: (response) => {
      denied = readDenied(response.bytes())
    },
    3: (response) =>
      readFields(response.bytes(), {
        2: (one) => readHeader(one.bytes(), allowed.headers),
        5: (one) => void allowed.remove.push(one.string()),
        6: (one) => readHeader(one.bytes(), allowed.responseHeaders),
      }),
  })
  if (code === 0 && denied === undefined) return { outcome: 'allowed', ...allowed }
  return { outcome: 'denied', ...(denied ?? { status: forbidden, headers: [], body: '' }) }
}

function readDenied(bytes: Uint8Array): Denied {
  const denied: Denied = { status: forbidden, headers: [], body: '' }
  readFields(bytes, {
    1: (status) => readFields(status.bytes(), { 1: (one) => void (denied.status = one.int32()) }),
    2: (one) => readHeader(one.bytes(), denied.headers),
    3: (one) => void (denied.body = one.string()),
  })
  // A no is a no, whatever status was meant to go with it.
  if (denied.status < 300 || denied.status > 599) denied.status = forbidden
  return denied
}

const fieldName = /^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,256}$/
const fieldValue = /^[\t\x20-\x7e\x80-\xff]*$/

/** `HeaderValueOption`; one that no field can be is left out. */
function readHeader(bytes: Uint8Array, into: string[]): void {
  let [name, value] = ['', '']
  readFields(bytes, {
    1: (header) =>
      readFields(header.bytes(), {
        1: (one) => void (name = one.string()),
        2: (one) => void (value = one.string()),
        3: (one) => void (value = Buffer.from(one.bytes()).toString('latin1')),
      }),
  })
  if (fieldName.test(name) && fieldValue.test(value)) into.push(name, value)
}

function readFields(bytes: Uint8Array, read: Readonly<Record<number, (reader: BinaryReader) => void>>): void {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [field, type] = reader.tag()
    const one = read[field]
    if (one === undefined) reader.skip(type, field)
    else one(reader)
  }
}
