import { z } from 'zod'

/** A resource's name: it stands in URLs, subjects and metric labels. */
export const resourceName = z
  .string()
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$/, 'a name of letters, digits, ".", "_" and "-" (at most 128), beginning with a letter or digit')

/** `host:port`, `[v6]:port`, `:port` (all addresses) or `unix:PATH`. */
export const listenAddress = z.string().regex(/^(unix:.+|\[[0-9A-Fa-f:.]+\]:\d{1,5}|[^:[\]\s]*:\d{1,5})$/, 'an address such as "127.0.0.1:8000", "[::1]:8000", ":8000" or "unix:/run/sluice.sock"')

export const labels = z.record(z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/, 'a label name of letters, digits, ".", "_" and "-"'), z.string().max(256))

/** What every resource may carry. */
export const resourceMarks = {
  labels: labels.optional().describe('Free names and values, kept and shown; nothing acts on them yet.'),
  owner: z.string().max(128).optional().describe('Who answers for this resource.'),
}

export const positiveInteger = z.int().min(1)
/** A duration in milliseconds; one day at most. */
export const durationMs = z.int().min(1).max(86_400_000)

/** Where values are kept: this machine's environment and files, stores of secrets, and `sealed`: in the text itself, which only control can read. */
export const referenceKinds = ['env', 'file', 'vault', 'aws-sm', 'k8s', 'sealed'] as const

export type ReferenceKind = (typeof referenceKinds)[number]

const referencePattern = new RegExp(`^(${referenceKinds.join('|')}):(.+)$`, 's')

/** Whether a string setting stands for a value kept elsewhere, such as `env:NAME`. */
export function isReference(value: string): boolean {
  return referencePattern.test(value)
}

export function parseReference(value: string): { kind: ReferenceKind; target: string } | undefined {
  const match = referencePattern.exec(value)
  return match === null ? undefined : { kind: match[1] as ReferenceKind, target: match[2]! }
}
