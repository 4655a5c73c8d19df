/** Spans of whole hours, as the admin API takes them. */

const hourMs = 3_600_000

/** From when to when, in milliseconds; the end is not included. */
type Hours = (nowMs: number) => readonly [fromMs: number, toMs: number]

const month = (nowMs: number, step: number) => Date.UTC(new Date(nowMs).getUTCFullYear(), new Date(nowMs).getUTCMonth() + step)
const nextHour = (nowMs: number) => (Math.floor(nowMs / hourMs) + 1) * hourMs

export const hours = {
  'last 24 hours': (now) => [nextHour(now) - 24 * hourMs, nextHour(now)],
  today: (now) => [Math.floor(now / (24 * hourMs)) * 24 * hourMs, nextHour(now)],
  'this month': (now) => [month(now, 0), nextHour(now)],
  'last month': (now) => [month(now, -1), month(now, 0)],
} as const satisfies Readonly<Record<string, Hours>>

export type SpanName = keyof typeof hours

export function spanQuery(name: SpanName, nowMs = Date.now()): string {
  const [from, to] = hours[name](nowMs)
  return new URLSearchParams({ from: new Date(from).toISOString(), to: new Date(to).toISOString() }).toString()
}

/** From the hour that `beganMs` lies in to the hour to come: it only grows, so counts in it do. */
export function spanSince(beganMs: number, nowMs = Date.now()): string {
  return new URLSearchParams({ from: new Date(Math.floor(beganMs / hourMs) * hourMs).toISOString(), to: new Date(nextHour(nowMs)).toISOString() }).toString()
}
