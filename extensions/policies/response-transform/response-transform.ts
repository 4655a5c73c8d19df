import type { Exchange } from '../exchange.ts'
import { HeaderChanges } from '../header-changes.ts'
import type { Policy } from '../policy.ts'
import type { ResponseTransformSettings } from './schema.ts'

export function compile(settings: ResponseTransformSettings): Policy {
  return new ResponseTransform(settings)
}

/** Changes what the client is sent. */
class ResponseTransform implements Policy {
  private readonly headers: HeaderChanges | undefined
  private readonly statuses: ReadonlyMap<number, number>

  constructor({ headers, status }: ResponseTransformSettings) {
    this.headers = headers === undefined ? undefined : new HeaderChanges(headers)
    this.statuses = new Map(Object.entries(status).map(([from, to]) => [Number(from), to]))
  }

  onResponse(exchange: Exchange): void {
    const { response } = exchange
    if (response === undefined) return
    this.headers?.apply(response.headers, exchange)
    response.status = this.statuses.get(response.status) ?? response.status
  }
}
