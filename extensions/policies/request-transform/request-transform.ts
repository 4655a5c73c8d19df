import { normalisePath } from '@sluice/http'
import type { Exchange } from '../exchange.ts'
import { HeaderChanges } from '../header-changes.ts'
import { type HookResult, type Policy, refuse } from '../policy.ts'
import { compileTemplate, fillPath, type ValueTemplate } from '../value-template.ts'
import { QueryChanges } from './query-changes.ts'
import type { RequestTransformSettings } from './schema.ts'

const badPath = refuse('client.bad_path')

export function compile(settings: RequestTransformSettings): Policy {
  return new RequestTransform(settings)
}

/** Changes what is sent upstream. */
class RequestTransform implements Policy {
  private readonly headers: HeaderChanges | undefined
  private readonly query: QueryChanges | undefined
  private readonly path: ValueTemplate | undefined

  constructor({ headers, query, path }: RequestTransformSettings) {
    this.headers = headers === undefined ? undefined : new HeaderChanges(headers)
    this.query = query === undefined ? undefined : new QueryChanges(query)
    this.path = path === undefined ? undefined : compileTemplate(path)
  }

  onRequest(exchange: Exchange): HookResult {
    if (this.headers !== undefined) this.headers.apply(exchange.request.headers, exchange)
    if (this.query !== undefined) this.query.apply(exchange)
    if (this.path === undefined) return undefined
    const path = fillPath(this.path, exchange)
    // A value such as ".." must not lead out of the place that the template names.
    if (this.path.literal === undefined && normalisePath(path) !== path) return badPath
    exchange.request.path = path
    return undefined
  }
}
