import { createHash } from 'node:crypto'

/**
 * JSON with sorted keys and no white space (after RFC 8785, without its number rules, which plain settings do not
 * meet): equal values have equal bytes, so that a digest over them means equality.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => (isPlainObject(inner) ? sortKeys(inner) : inner))
}

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function sortKeys(value: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
}

/** SHA-256, lower-case hex. */
export function digestOf(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}
