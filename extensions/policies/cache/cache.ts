import type { Exchange } from '../exchange.ts'
import type { CacheRules, Policy } from '../policy.ts'
import { compileTemplate, fillParameter, type ValueTemplate } from '../value-template.ts'
import type { CacheSettings } from './schema.ts'

export function compile(settings: CacheSettings): Policy {
  return { cache: new CompiledRules(settings) }
}

/** The settings as the edge's phase `cache` reads them; nothing happens here. */
class CompiledRules implements CacheRules {
  readonly ttlMs: number | undefined
  readonly maxObjectBytes: number
  readonly sharesStore: boolean
  readonly keyQuery: ReadonlySet<string> | undefined
  readonly keyHeaders: readonly string[]
  readonly staleWhileRevalidateMs: number
  readonly staleIfErrorMs: number
  private readonly tags: readonly ValueTemplate[]

  constructor(settings: CacheSettings) {
    this.ttlMs = settings.ttlSeconds === undefined ? undefined : settings.ttlSeconds * 1000
    this.maxObjectBytes = settings.maxObjectBytes
    this.sharesStore = settings.store === 'redis'
    this.keyQuery = settings.keyQuery === undefined ? undefined : new Set(settings.keyQuery)
    this.keyHeaders = [...new Set(settings.keyHeaders.map((name) => name.toLowerCase()))].sort()
    this.staleWhileRevalidateMs = settings.staleWhileRevalidateSeconds * 1000
    this.staleIfErrorMs = settings.staleIfErrorSeconds * 1000
    this.tags = settings.tags.map((tag) => compileTemplate(tag))
  }

  tagsOf(exchange: Exchange): string[] {
    return this.tags.map((tag) => fillParameter(tag, exchange)).filter((tag) => tag !== '')
  }
}
