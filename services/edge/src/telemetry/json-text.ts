/**
 * JSON text of strings that come from outside. The result is pure ASCII (JSON may escape everything, RFC 8259 §7), so
 * that a line's length is its size in bytes and no terminal is steered by what a client sent.
 */

/** `value` as it stands between quotes. Nearly every string needs no escaping and is returned as it is. */
export function jsonText(value: string): string {
  return isPlain(value) ? value : escape(value)
}

/** `value` in quotes, `null` when there is none. */
export function quoteOrNull(value: string | undefined): string {
  return value === undefined ? 'null' : `"${jsonText(value)}"`
}

/** A duration in ms as a JSON number with µs; 0 for what is no duration. */
export function durationText(ms: number): string {
  const micros = Math.round(ms * 1000)
  if (!(micros > 0 && micros < 9e15)) return '0'
  const whole = Math.floor(micros / 1000)
  return integerText(whole) + fractions[micros - whole * 1000]!
}

/** A whole number as text; small ones are at hand: V8 makes the text anew at each `+`. */
export function integerText(value: number): string {
  return value >= 0 && value < smallIntegers.length ? smallIntegers[value]! : String(value)
}

const smallIntegers = Array.from({ length: 1024 }, (_, value) => String(value))

const fractions = Array.from({ length: 1000 }, (_, micros) => (micros === 0 ? '' : `.${String(micros).padStart(3, '0')}`))

/**
 * Whether neither needs escaping. A loop for each, apart from that of all other strings: V8 learns where a string is read in which forms strings
 * come there, and where it has met too many of them it looks even `length` up each time, which under load was 2 % of a worker.
 */
export function arePlain(first: string, second: string): boolean {
  const firstLength = first.length
  for (let i = 0; i < firstLength; i++) if (!isPlainCode(first.charCodeAt(i))) return false
  const secondLength = second.length
  for (let i = 0; i < secondLength; i++) if (!isPlainCode(second.charCodeAt(i))) return false
  return true
}

function isPlainCode(code: number): boolean {
  return code >= 0x20 && code <= 0x7e && code !== 0x22 && code !== 0x5c
}

/** A loop: for strings this short, calling a regular expression takes three times as long. */
function isPlain(value: string): boolean {
  // Once: strings come in so many forms that V8 would look for it at each turn.
  const { length } = value
  for (let i = 0; i < length; i++) if (!isPlainCode(value.charCodeAt(i))) return false
  return true
}

function escape(value: string): string {
  const text = JSON.stringify(value).slice(1, -1)
  return text.replace(/[\x7f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
