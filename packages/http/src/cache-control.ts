/**
 * Cache-Control (RFC 9111 §5.2, RFC 5861), of a request or a response. What is said twice counts as said first (§4.2.1); a duration that
 * cannot be read is no time at all, so that what is unclear is not used for long.
 */
export interface CacheControl {
  readonly noStore: boolean
  /** Without names of fields; those of `no-cache="…"` stand in `hiddenFields`. */
  readonly noCache: boolean
  readonly isPrivate: boolean
  readonly isPublic: boolean
  /** `must-revalidate`, `proxy-revalidate`: once stale it is not used without asking. */
  readonly mustRevalidate: boolean
  readonly proxyRevalidate: boolean
  /** In seconds, as all that follow. */
  readonly maxAge: number | undefined
  readonly sharedMaxAge: number | undefined
  readonly staleWhileRevalidate: number | undefined
  readonly staleIfError: number | undefined
  readonly minFresh: number | undefined
  /** Of a request: nobody is to be asked (§5.2.1.7). */
  readonly onlyIfCached: boolean
  /** Infinity when no limit is named. */
  readonly maxStale: number | undefined
  /** Names, in lower case, of fields that a shared cache must not keep (`private="…"`) or reuse unasked (`no-cache="…"`). */
  readonly hiddenFields: readonly string[]
}

const directivePattern = /[\t ,]*([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]*)))?[\t ]*(?=,|$)|[\t ,]*([!#$%&'*+.^_`|~0-9A-Za-z-]*)[^,]*(?:,|$)/gy
/** §1.2.2: a number too large to be held counts as the largest that can. */
const mostSeconds = 2 ** 31

/** Of all fields of that name together. Of a part that cannot be read its name counts, without what stands behind it. */
export function parseCacheControl(values: readonly string[]): CacheControl {
  const said = new Map<string, string | undefined>()
  for (const value of values) {
    directivePattern.lastIndex = 0
    while (directivePattern.lastIndex < value.length) {
      const match = directivePattern.exec(value)
      if (match === null || match[0] === '') break
      const name = (match[1] ?? match[4])?.toLowerCase()
      if (name !== undefined && name !== '' && !said.has(name)) said.set(name, match[2]?.replace(/\\(.)/g, '$1') ?? match[3])
    }
  }
  return controlOf(said)
}

function controlOf(said: ReadonlyMap<string, string | undefined>): CacheControl {
  const seconds = (name: string) => (said.has(name) ? deltaSeconds(said.get(name)) : undefined)
  return {
    noStore: said.has('no-store'),
    noCache: said.has('no-cache') && namesIn(said.get('no-cache')).length === 0,
    isPrivate: said.has('private') && namesIn(said.get('private')).length === 0,
    isPublic: said.has('public'),
    mustRevalidate: said.has('must-revalidate'),
    proxyRevalidate: said.has('proxy-revalidate'),
    maxAge: seconds('max-age'),
    sharedMaxAge: seconds('s-maxage'),
    staleWhileRevalidate: seconds('stale-while-revalidate'),
    staleIfError: seconds('stale-if-error'),
    minFresh: seconds('min-fresh'),
    onlyIfCached: said.has('only-if-cached'),
    maxStale: said.has('max-stale') && said.get('max-stale') === undefined ? Infinity : seconds('max-stale'),
    hiddenFields: [...namesIn(said.get('no-cache')), ...namesIn(said.get('private'))],
  }
}

/** A whole number of seconds (§1.2.2); 0 for what is none. */
export function deltaSeconds(text: string | undefined): number {
  return text !== undefined && /^\d+$/.test(text) ? Math.min(Number(text), mostSeconds) : 0
}

function namesIn(text: string | undefined): string[] {
  return text === undefined ? [] : text.split(',').map((name) => name.trim().toLowerCase()).filter((name) => name !== '')
}
