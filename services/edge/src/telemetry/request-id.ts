import { takeBase32Digits } from './random-digits.ts'

/** Crockford's Base32, two digits at a time. */
const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const pairs = Array.from({ length: 1024 }, (_, value) => digits[value >> 5]! + digits[value & 31]!)

let lastMs = -1
let timeText = ''

/**
 * A new request id: a ULID, 26 characters, 48 bits of `nowMs` (epoch) and 80 of chance. It sorts by time in a log and is
 * unique over all workers and edges without their knowing of each other.
 */
export function newRequestId(nowMs: number = Date.now()): string {
  if (nowMs !== lastMs) {
    timeText = timeDigits(nowMs)
    lastMs = nowMs
  }
  return timeText + takeBase32Digits(16)
}

function timeDigits(nowMs: number): string {
  let rest = Math.floor(nowMs)
  let text = ''
  for (let i = 0; i < 5; i++) {
    text = pairs[rest % 1024]! + text
    rest = Math.floor(rest / 1024)
  }
  return text
}
