/** One day or month of the calendar, in UTC. */
export interface Period {
  /** `2026-11-22` or `2026-11`. */
  readonly name: string
  readonly startMs: number
  readonly endMs: number
}

/** The one that `now` lies in. */
export function periodAt(kind: 'day' | 'month', now: number): Period {
  const date = new Date(now)
  const [year, month, day] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()]
  const isDay = kind === 'day'
  const startMs = Date.UTC(year, month, isDay ? day : 1)
  const endMs = isDay ? Date.UTC(year, month, day + 1) : Date.UTC(year, month + 1, 1)
  return { name: new Date(startMs).toISOString().slice(0, isDay ? 10 : 7), startMs, endMs }
}
