import { isFieldName } from './field-syntax.ts'

/** A value as a token where it is one, else as a quoted string (RFC 9110 §5.6.4). */
export function tokenOrQuoted(value: string): string {
  return isFieldName(value) ? value : quoted(value)
}

/** A quoted string. Control characters, which no quoted string can hold, become spaces. */
export function quoted(value: string): string {
  return `"${value.replace(/[\x00-\x1f\x7f]/g, ' ').replace(/["\\]/g, '\\$&')}"`
}
