/** The setting `key` of limits: what is counted apart. */
import { z } from 'zod'

const keyNames = '"consumer", "ip", "route", "header:NAME" or "claim:NAME"'
const keyList = `${keyNames}, or a list of them`
const keyPart = z.string().regex(/^(consumer|ip|route|header:[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}|claim:.{1,128})$/, keyNames)

export const limitKey = z
  .union([keyPart, z.array(keyPart).min(1, keyList).max(8)], keyList)
  .optional()
  .describe('What is counted apart: `consumer` (the address where there is none), `ip` (IPv6 by /64), `route`, `header:NAME`, `claim:NAME`, or a list of them together; left out: `consumer`.')

export function keyParts({ key }: { readonly key?: z.output<typeof limitKey> }): readonly string[] {
  return key === undefined ? ['consumer'] : typeof key === 'string' ? [key] : key
}

/** A limit with such a key runs before the identity policies. */
export function needsNoIdentity(limit: { readonly key?: z.output<typeof limitKey> }): boolean {
  return keyParts(limit).every((part) => part !== 'consumer' && !part.startsWith('claim:'))
}
