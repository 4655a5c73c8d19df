import type { CacheRules, Policy } from '../policy.ts'
import { compileTemplate, fillParameter } from '../value-template.ts'
import type { CacheSettings } from './schema.ts'

export function compile(settings: CacheSettings): Policy {
  return { cache: rulesOf(settings) }
}

/** The settings as the edge's phase `cache` reads them; nothing happens here. */
function rulesOf(settings: CacheSettings): CacheRules {
  const tags = settings.tags.map((tag) => compileTemplate(tag))
  return {
    ttlMs: settings.ttlSeconds === undefined ? undefined : settings.ttlSeconds * 1000,
    maxObjectBytes: settings.maxObjectBytes,
    sharesStore: settings.store === 'redis',
    keyQuery: settings.keyQuery === undefined ? undefined : new Set(settings.keyQuery),
    keyHeaders: [...new Set(settings.keyHeaders.map((name) => name.toLowerCase()))].sort(),
    staleWhileRevalidateMs: settings.staleWhileRevalidateSeconds * 1000,
    staleIfErrorMs: settings.staleIfErrorSeconds * 1000,
    tagsOf: (exchange) => tags.map((tag) => fillParameter(tag, exchange)).filter((tag) => tag !== ''),
  }
}
