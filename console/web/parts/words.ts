/** Figures and instants as people read them. */

export function count(value: number): string {
  return Math.round(value).toLocaleString('en')
}

/** With as many digits as say something. */
export function perSecond(value: number): string {
  return value === 0 ? '0' : value < 10 ? value.toFixed(1) : count(value)
}

export function percent(part: number, whole: number): string {
  if (whole === 0 || part === 0) return '0 %'
  const share = (part / whole) * 100
  return share < 0.1 ? '< 0.1 %' : `${share.toFixed(share < 10 ? 1 : 0)} %`
}

export function milliseconds(value: number): string {
  return value < 10 ? `${value.toFixed(1)} ms` : value < 10_000 ? `${Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`
}

const units = ['bytes', 'kB', 'MB', 'GB', 'TB', 'PB']

export function bytes(value: number): string {
  const power = value < 1 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(value) / 3))
  const scaled = value / 1000 ** power
  return `${power === 0 || scaled >= 100 ? Math.round(scaled) : scaled.toFixed(1)} ${units[power]}`
}

/** How long ago, or in how long. */
export function since(instantMs: number, nowMs = Date.now()): string {
  const seconds = Math.round(Math.abs(nowMs - instantMs) / 1000)
  const [value, unit] = seconds < 60 ? [seconds, 's'] : seconds < 3600 ? [Math.round(seconds / 60), 'min'] : seconds < 172_800 ? [Math.round(seconds / 3600), 'h'] : [Math.round(seconds / 86_400), 'days']
  return instantMs > nowMs ? `in ${value} ${unit}` : `${value} ${unit} ago`
}

/** `1 edge`, `2 edges`. */
export function several(value: number, noun: string): string {
  return `${count(value)} ${noun}${value === 1 ? '' : 's'}`
}

/** A setting of any kind in one line. */
export function inLine(value: unknown): string {
  return value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value)
}
