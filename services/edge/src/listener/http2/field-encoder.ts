/**
 * Field blocks as clients get them (RFC 7541), as latin-1 text. Nothing is put into the client's dynamic table: then a field is the same
 * bytes on every connection, and what repeats is written once and used for all of them. A connection needs no state for it.
 */
import { isFieldName, isFieldValue } from '@sluice/http'
import { httpDate } from '../response-text.ts'
import { encodeHuffman } from './huffman.ts'
import { staticNames } from './static-table.ts'

/** RFC 9113 §8.2.2; `te` is no response's, and pseudo-header fields are written by `statusField`. */
const connectionSpecific: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade', 'http2-settings', 'te'])
/** Not to be compressed together with anything else by whoever passes them on (§7.1.3). */
const sensitive: ReadonlySet<string> = new Set(['set-cookie', 'authorization', 'cookie', 'www-authenticate', 'authentication-info', 'x-api-key'])
/** More names are written as well, and not remembered. */
const maxNames = 1024
/** Longer values hardly ever repeat. */
const maxRemembered = 128

interface KnownName {
  /** `none`: not to be sent. */
  readonly role: 'date' | 'length' | 'none' | 'other'
  /** The field up to its value. */
  readonly head: string
  readonly isRemembered: boolean
  /** The value that was sent last, and the whole field with it. */
  value: string
  field: string
  isShort: boolean
}

const names = new Map<string, KnownName>()
const statuses = new Map<number, string>()
const lengthTexts: readonly string[] = Array.from({ length: 127 }, (_, length) => String.fromCharCode(length))

/** `:status`. One that no client may be sent is told as 502. */
export function statusField(status: number): string {
  const known = statuses.get(status)
  if (known !== undefined) return known
  const isKnown = status === 100 || (status >= 200 && status <= 599)
  const text = String(isKnown ? status : 502)
  const at = ['200', '204', '206', '304', '400', '404', '500'].indexOf(text)
  const made = at < 0 ? `${numberText(8, 0x0f, 0)}${stringText(text)}` : String.fromCharCode(0x80 | (8 + at))
  if (isKnown) statuses.set(status, made)
  return made
}

/**
 * The head of a response: its status, its fields (flat) with their names in lower case and without what belongs to a connection of HTTP/1.1, and
 * `date` where it is missing (RFC 9110 §6.6.1). undefined: one of them HTTP/2 cannot carry (RFC 9113 §8.2.1). Runs on every response.
 */
export function encodeHead(status: number, fields: readonly string[]): string | undefined {
  let text = statusField(status)
  let hasDate = false
  for (let at = 0; at < fields.length; at += 2) {
    const known = names.get(fields[at]!) ?? learn(fields[at]!)
    if (known === undefined) return undefined
    if (known.role === 'date') hasDate = true
    // RFC 9110 §8.6
    if (known.role === 'none' || (known.role === 'length' && status === 204)) continue
    const field = fieldOf(known, fields[at + 1]!)
    if (field === undefined) return undefined
    text += field
  }
  return hasDate ? text : text + dateBlock()
}

/** Trailers, likewise. */
export function encodeTrailers(fields: readonly string[]): string | undefined {
  let text = ''
  for (let at = 0; at < fields.length; at += 2) {
    const known = names.get(fields[at]!) ?? learn(fields[at]!)
    const field = known === undefined ? undefined : fieldOf(known, fields[at + 1]!)
    if (field === undefined) return undefined
    text += field
  }
  return text
}

let lastDate = ''
let lastDateBlock = ''

function dateBlock(): string {
  const date = httpDate()
  if (date !== lastDate) {
    lastDate = date
    lastDateBlock = headOf('date', false) + shortest(date)
  }
  return lastDateBlock
}

function fieldOf(known: KnownName, value: string): string | undefined {
  return value === known.value && known.field !== '' ? repeated(known) : newField(known, value)
}

/** What comes again is worth to be shortened once, and to be one piece of memory. */
function repeated(known: KnownName): string {
  if (!known.isShort) {
    known.isShort = true
    known.field = Buffer.from(known.head + shortest(known.value), 'latin1').toString('latin1')
  }
  return known.field
}

function newField(known: KnownName, given: string): string | undefined {
  if (!isFieldValue(given)) return undefined
  const value = given.charCodeAt(0) <= 0x20 || given.charCodeAt(given.length - 1) <= 0x20 ? given.trim() : given
  const field = known.head + stringText(value)
  if (known.isRemembered && value.length <= maxRemembered) {
    known.value = value
    known.field = field
    known.isShort = false
  }
  return field
}

function learn(name: string): KnownName | undefined {
  const lower = name.toLowerCase()
  if (!isFieldName(lower)) return undefined
  const isSensitive = sensitive.has(lower)
  const known: KnownName = { role: roleOf(lower), head: headOf(lower, isSensitive), isRemembered: !isSensitive, value: '', field: '', isShort: false }
  if (names.size < maxNames) names.set(name, known)
  return known
}

function roleOf(name: string): KnownName['role'] {
  if (connectionSpecific.has(name)) return 'none'
  return name === 'date' ? 'date' : name === 'content-length' ? 'length' : 'other'
}

/** A literal that is not indexed, or never to be (§6.2.2, §6.2.3): its name by its number, where it has one. */
function headOf(name: string, isSensitive: boolean): string {
  const kind = isSensitive ? 0x10 : 0
  const index = staticNames.get(name)
  return index === undefined ? `${String.fromCharCode(kind)}${shortest(name)}` : numberText(index, 0x0f, kind)
}

function shortest(text: string): string {
  const coded = encodeHuffman(text)
  return coded.length < text.length ? numberText(coded.length, 0x7f, 0x80) + coded : stringText(text)
}

function stringText(text: string): string {
  return (text.length < 127 ? lengthTexts[text.length]! : numberText(text.length, 0x7f, 0)) + text
}

/** §5.1 */
function numberText(value: number, mask: number, flags: number): string {
  if (value < mask) return String.fromCharCode(flags | value)
  let text = String.fromCharCode(flags | mask)
  let rest = value - mask
  for (; rest >= 128; rest >>= 7) text += String.fromCharCode(0x80 | (rest & 0x7f))
  return text + String.fromCharCode(rest)
}
