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
let dateLine = ''

/** The time of the Date field (RFC 9110 §6.6.1), made once a second. */
export function httpDate(): string {
  const now = Date.now()
  const second = Math.floor(now / 1000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = new Date(now).toUTCString()
    dateLine = `Date: ${dateText}\r\n`
  }
  return dateText
}

/** The Date field with its line end. */
export function dateField(): string {
  httpDate()
  return dateLine
}
