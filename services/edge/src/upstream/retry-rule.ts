import { catalogue, sourceOf, type ErrorCode } from '@sluice/errors'

/** Methods whose repetition does no more than the first (RFC 9110 §9.2.2). */
export const idempotentMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE', 'PUT', 'DELETE'])

/** Methods that ask and change nothing (RFC 9110 §9.2.1); TRACE, whose answer is where it went, is left out. */
export const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * Whether another endpoint may be tried after this failure: always when no byte left, and otherwise only for an
 * idempotent request whose connection broke before a response began, and whose body, if it has one, can be sent again.
 */
export function mayRetry(code: ErrorCode, sent: boolean, method: string, isRepeatable: boolean): boolean {
  const rule = catalogue[code].retry
  if (rule === 'never') return false
  if (!sent) return true
  return rule === 'if_idempotent' && isRepeatable && idempotentMethods.has(method)
}

/** Whether the failure says that the endpoint could not be reached at all. */
export function isUnreachable(code: ErrorCode): boolean {
  return code === 'upstream.connect_refused' || code === 'upstream.connect_timeout' || code === 'upstream.unreachable' || code === 'upstream.tls_failed'
}

/**
 * Whether a failure speaks against the endpoint. While the request's body is still on its way, silence may be the
 * client's: only a connection that did not come about counts then. Nor does it count that the gateway has too much under
 * way, or that a response that was being read slowly stood still.
 */
export function blamesEndpoint(code: ErrorCode, bodyOnItsWay: boolean, headSent: boolean): boolean {
  if (isUnreachable(code)) return true
  if (bodyOnItsWay || sourceOf(code) !== 'upstream' || code === 'upstream.overloaded') return false
  return !(headSent && (code === 'upstream.idle_timeout' || code === 'upstream.request_timeout'))
}
