/** The longest that an endpoint is left alone because it asked for it. */
const maxMs = 60_000

/**
 * How long a `Retry-After` asks for (RFC 9110 §10.2.3: seconds, or a date), in ms, 60 s at most; 0 when it cannot be
 * read or lies in the past. `epochMs` is the time of day.
 */
export function retryAfterMs(value: string | undefined, epochMs: number): number {
  if (value === undefined) return 0
  const asked = /^\d{1,10}$/.test(value) ? Number(value) * 1000 : Date.parse(value) - epochMs
  return Number.isFinite(asked) ? Math.min(maxMs, Math.max(0, asked)) : 0
}
