import type { HeaderFields } from '@sluice/http'
import type { RoutableRoute, Search } from './host-table.ts'
import type { HostedQuestion, Router } from './router.ts'

export interface RoutedRequest {
  readonly method: string
  readonly headers: HeaderFields
  readonly host: string
  readonly port: number
  readonly path: string
  readonly query: string
}

/**
 * The route of a request. A CORS preflight is matched by the method that it asks for, so that the policies of the
 * route it is about answer it.
 */
export function findRoute<R extends RoutableRoute>(router: Router<R>, request: RoutedRequest, clientAddress: string): Search<R> {
  const question: HostedQuestion = {
    method: request.method,
    headers: request.headers,
    query: request.query,
    clientAddress,
    host: request.host,
    port: request.port,
    path: request.path,
  }
  const found = router.find(question)
  if (found.route !== undefined || request.method !== 'OPTIONS') return found
  const asked = request.headers.get('access-control-request-method')
  if (asked === undefined || !request.headers.has('origin')) return found
  const preflight = router.find({ ...question, method: asked })
  return preflight.route === undefined ? found : preflight
}
