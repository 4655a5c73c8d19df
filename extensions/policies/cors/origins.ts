/** Which origins may read, precompiled. Browsers write scheme and host in lower case (RFC 6454 §6.1). */
export class AllowedOrigins {
  readonly isAny: boolean
  private readonly exact = new Set<string>()
  private readonly patterns: { readonly start: string; readonly end: string }[] = []

  constructor(origins: readonly string[]) {
    this.isAny = origins.includes('*')
    for (const origin of origins) {
      const lower = origin.toLowerCase()
      const star = lower.indexOf('*.')
      if (star < 0) this.exact.add(lower)
      else this.patterns.push({ start: lower.slice(0, star), end: lower.slice(star + 1) })
    }
  }

  allows(origin: string): boolean {
    if (this.isAny || this.exact.has(origin)) return true
    for (const { start, end } of this.patterns) {
      const hasRoom = origin.length > start.length + end.length
      if (hasRoom && origin.startsWith(start) && origin.endsWith(end) && isLabels(origin, start.length, origin.length - end.length)) return true
    }
    return false
  }
}

/** What the star stands for is labels alone: no port, user or path can hide there. */
function isLabels(text: string, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const code = text.charCodeAt(at)
    const isLabel = (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || code === 0x2d || code === 0x5f || code === 0x2e
    if (!isLabel) return false
  }
  return text.charCodeAt(from) !== 0x2e
}
