/**
 * Cross-origin requests as the Fetch standard (§3.2) has browsers ask. Preflights are answered here. All fields go into
 * `responseFields`, so that a refusal further on carries them too and scripts can read its status.
 */
import { isFieldName } from '@sluice/http'
import type { Exchange } from '../exchange.ts'
import type { Answer, HookResult, Policy } from '../policy.ts'
import { AllowedOrigins } from './origins.ts'
import type { CorsSettings } from './schema.ts'

const usualMethods = 'GET, HEAD, POST, PUT, PATCH, DELETE'
const preflightAnswer: Answer = { kind: 'answer', status: 204, headers: [], body: '' }

export function compile(settings: CorsSettings): Policy {
  return new Cors(settings)
}

class Cors implements Policy {
  private readonly settings: CorsSettings
  private readonly origins: AllowedOrigins
  private readonly methods: string | undefined
  private readonly allowedHeaders: string | undefined
  private readonly exposedHeaders: string

  constructor(settings: CorsSettings) {
    this.settings = settings
    this.origins = new AllowedOrigins(settings.origins)
    this.methods = settings.methods?.join(', ')
    this.allowedHeaders = settings.headers?.join(', ')
    this.exposedHeaders = settings.exposedHeaders.join(', ')
  }

  onRequest(exchange: Exchange): HookResult {
    const { headers, method } = exchange.request
    const fields = exchange.responseFields
    // A cache must not show one origin what was made for another, nor one without Origin what has no fields.
    if (!this.origins.isAny) fields.push('Vary', 'Origin')
    const origin = headers.get('origin')
    if (origin === undefined) return undefined
    const isAllowed = this.origins.allows(origin)
    if (isAllowed) this.allowOrigin(origin, fields)
    const asked = method === 'OPTIONS' ? headers.get('access-control-request-method') : undefined
    if (asked === undefined) {
      if (isAllowed && this.exposedHeaders !== '') fields.push('Access-Control-Expose-Headers', this.exposedHeaders)
      return undefined
    }
    if (isAllowed) this.allowPreflight(exchange)
    return preflightAnswer
  }

  /** This policy alone says who may read: two Access-Control-Allow-Origin, one of them the upstream's, let no browser read. */
  onResponse(exchange: Exchange): void {
    const flat = exchange.response?.headers.flat
    if (flat === undefined) return
    let kept = 0
    for (let at = 0; at < flat.length; at += 2) {
      if (isCorsField(flat[at]!)) continue
      flat[kept++] = flat[at]!
      flat[kept++] = flat[at + 1]!
    }
    flat.length = kept
  }

  private allowOrigin(origin: string, fields: string[]): void {
    fields.push('Access-Control-Allow-Origin', this.origins.isAny ? '*' : origin)
    if (this.settings.credentials) fields.push('Access-Control-Allow-Credentials', 'true')
  }

  private allowPreflight(exchange: Exchange): void {
    const { headers } = exchange.request
    const fields = exchange.responseFields
    fields.push('Access-Control-Allow-Methods', this.methods ?? exchange.route.methods?.join(', ') ?? usualMethods)
    const allowed = this.allowedHeaders ?? askedHeaders(headers.get('access-control-request-headers'))
    if (allowed !== '') fields.push('Access-Control-Allow-Headers', allowed)
    if (this.allowedHeaders === undefined) fields.push('Vary', 'Access-Control-Request-Headers')
    fields.push('Access-Control-Max-Age', String(this.settings.maxAgeSeconds))
    if (this.settings.privateNetwork && headers.get('access-control-request-private-network') === 'true') {
      fields.push('Access-Control-Allow-Private-Network', 'true')
    }
  }
}

/** The names a preflight asks for, those that are names. */
function askedHeaders(value: string | undefined): string {
  if (value === undefined) return ''
  return value
    .split(',')
    .map((name) => name.trim())
    .filter(isFieldName)
    .join(', ')
}

function isCorsField(name: string): boolean {
  return name.length >= 22 && name.slice(0, 15).toLowerCase() === 'access-control-'
}
