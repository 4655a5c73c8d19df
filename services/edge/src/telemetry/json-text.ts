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
  return whole + fractions[micros - whole * 1000]!
}

const fractions = Array.from({ length: 1000 }, (_, micros) => (micros === 0 ? '' : `.${String(micros).padStart(3, '0')}`))

/** A loop: for strings this short, calling a regular expression takes three times as long. */
function isPlain(value: string): boolean {
  // Once: strings come in so many forms that V8 would look for it at each turn.
  const { length } = value
  for (let i = 0; i < length; i++) {
    const code = value.charCodeAt(i)
    if (code < 0x20 || code > 0x7e || code === 0x22 || code === 0x5c) return false
  }
  return true
}

function escape(value: string): string {
  const text = JSON.stringify(value).slice(1, -1)
  return text.replace(/[\x7f-\uffff]/g, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}
