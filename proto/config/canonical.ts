import { createHash } from 'node:crypto'

/**
 * JSON with sorted keys and no white space (after RFC 8785, without its number rules, which plain settings do not
 * meet): equal values have equal bytes, so that a digest over them means equality.
 */
export function canonicalJson(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (Array.isArray(value)) return `[${value.map((inner) => (inner === undefined ? 'null' : canonicalJson(inner))).join(',')}]`
  let text = ''
  for (const key of Object.keys(value).sort()) {
    const inner = (value as Record<string, unknown>)[key]
    if (inner !== undefined) text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${canonicalJson(inner)}`
  }
  return `{${text}}`
}

/** SHA-256, lower-case hex. */
export function digestOf(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}
