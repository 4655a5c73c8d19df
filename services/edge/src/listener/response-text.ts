import { STATUS_CODES } from 'node:http'

const lines = new Map<number, string>()

/** `HTTP/1.1 200 OK` with its line end; each is made once. */
export function statusLine(status: number): string {
  const known = lines.get(status)
  if (known !== undefined) return known
  const made = `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n`
  lines.set(status, made)
  return made
}

let dateSecond = 0
let dateText = ''

/** The Date field (RFC 9110 §6.6.1), made once a second. */
export function dateField(): string {
  const now = Date.now()
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = `Date: ${new Date(now).toUTCString()}\r\n`
  }
  return dateText
}
