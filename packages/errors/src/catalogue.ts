/**
 * Every error the gateway can answer with, log or count. A code never changes its meaning; it appears as it is
 * in the error body, the access record and the metric label. `docs/errors.md` is made from this table.
 *
 * `retry` says whether another attempt at an upstream is allowed: `if_unsent` when no byte of the request left,
 * `never` otherwise. `message` is the text for the client when the thrower gives no better one.
 */
export type ErrorSource = 'client' | 'policy' | 'upstream' | 'dependency' | 'config' | 'internal'
export type RetryRule = 'never' | 'if_unsent' | 'if_idempotent'

export interface CatalogueEntry {
  readonly status: number
  readonly retry: RetryRule
  readonly message: string
}

const entry = (status: number, message: string, retry: RetryRule = 'never'): CatalogueEntry => ({ status, retry, message })

export const catalogue = {
  'client.no_route': entry(404, 'No route matches'),
  'client.method_not_allowed': entry(405, 'The path exists, but not for this method'),
  'client.bad_path': entry(400, 'The path has a bad escape'),
  'client.bad_host': entry(400, 'Exactly one valid Host is needed'),
  'client.bad_request': entry(400, 'The request could not be read'),
  'client.framing_ambiguous': entry(400, 'The length of the request is ambiguous'),
  'client.header_too_large': entry(431, 'The request header fields are too large'),
  'client.too_many_headers': entry(431, 'The request has too many header fields'),
  'client.url_too_long': entry(414, 'The URL is too long'),
  'client.too_many_query_parameters': entry(400, 'The request has too many query parameters'),
  'client.body_too_large': entry(413, 'The request body is too large'),
  'client.json_too_deep': entry(400, 'The JSON in the request body is nested too deeply'),
  'client.json_too_large': entry(400, 'The JSON in the request body holds too much'),
  'client.json_malformed': entry(400, 'The request body is not JSON'),
  'client.body_encoding_unsupported': entry(415, 'The request body is encoded in a way that is not taken here'),
  'client.header_timeout': entry(408, 'The request header did not arrive in time'),
  'client.body_timeout': entry(408, 'The request body did not arrive in time'),
  'client.too_many_connections': entry(503, 'Too many connections from this address'),
  'client.aborted': entry(499, 'The client left'),
  'client.upgrade_unsupported': entry(501, 'This change of protocol is not carried here'),
  'client.bad_upgrade': entry(400, 'The request for a WebSocket is malformed'),
  'client.expectation_unknown': entry(417, 'Only 100-continue can be expected'),
  'client.forwarded_malformed': entry(400, 'The Forwarded field could not be read'),
  'client.not_cached': entry(504, 'Nothing is kept that answers this, and the request wants nobody else asked'),

  'policy.unauthenticated': entry(401, 'A valid credential is needed'),
  'policy.login_failed': entry(400, 'The login could not be completed'),
  'policy.forbidden': entry(403, 'This caller may not do that'),
  'policy.insufficient_scope': entry(403, 'The token lacks a scope that is needed'),
  'policy.too_many_attempts': entry(429, 'Too many attempts failed; try again later'),
  'policy.limit_exceeded': entry(429, 'The limit is spent'),
  'policy.quota_spent': entry(429, 'The quota of this period is spent'),
  'policy.cors_refused': entry(403, 'This origin is not allowed'),
  'policy.blocked': entry(403, 'This caller is blocked'),
  'policy.route_disabled': entry(503, 'This route is switched off for now'),
  'policy.fault_injected': entry(503, 'A fault was injected'),

  'upstream.connect_refused': entry(502, 'The upstream refused the connection', 'if_unsent'),
  'upstream.connect_timeout': entry(504, 'The upstream did not accept the connection in time', 'if_unsent'),
  'upstream.unreachable': entry(502, 'The upstream could not be reached', 'if_unsent'),
  'upstream.tls_failed': entry(502, 'The encrypted connection to the upstream could not be made', 'if_unsent'),
  'upstream.reset': entry(502, 'The upstream closed the connection', 'if_idempotent'),
  'upstream.bad_response': entry(502, 'The upstream sent a response that could not be read'),
  'upstream.response_timeout': entry(504, 'The upstream did not answer in time'),
  'upstream.idle_timeout': entry(504, 'The upstream fell silent'),
  'upstream.request_timeout': entry(504, 'The exchange took too long'),
  'upstream.overloaded': entry(503, 'Too many requests to the upstream are under way', 'if_unsent'),
  'upstream.circuit_open': entry(503, 'The upstream has been failing and is left alone for a while'),
  'upstream.none_healthy': entry(503, 'The upstream has no endpoint to send to'),

  'dependency.auth_unreachable': entry(503, 'Credentials cannot be checked at the moment'),
  'dependency.key_set_unavailable': entry(503, 'The key set of the issuer is not available'),
  'dependency.issuer_unreachable': entry(503, 'The issuer of the token cannot be asked'),
  'dependency.ext_auth_unreachable': entry(503, 'The server that decides about requests cannot be asked'),
  'dependency.verifier_overloaded': entry(503, 'Too many tokens wait to be verified'),
  'dependency.verifier_failed': entry(503, 'The check of the credential broke off'),
  'dependency.revocation_list_stale': entry(503, 'The list of revoked certificates is out of date'),
  'dependency.counters_unreachable': entry(503, 'Limits cannot be counted at the moment'),
  'dependency.cache_unreachable': entry(503, 'The store of kept responses cannot be reached'),
  'dependency.bus_unreachable': entry(503, 'The bus cannot be reached'),
  'dependency.no_responder': entry(503, 'Nobody answers on this subject'),
  'dependency.timeout': entry(503, 'A part of the gateway did not answer in time'),
  'dependency.store_unreachable': entry(503, 'The store cannot be reached'),
  'dependency.analytics_unreachable': entry(503, 'Analytics cannot be reached'),
  'dependency.discovery_unreachable': entry(503, 'Discovery cannot be reached'),
  'dependency.ratelimit_unreachable': entry(503, 'The rate-limit service cannot be reached'),

  'config.invalid': entry(400, 'The configuration has problems'),
  'config.not_built': entry(400, 'This part of the configuration is not built yet'),
  'config.reference_missing': entry(400, 'A reference leads nowhere'),
  'config.reference_in_use': entry(409, 'Something else still refers to this'),
  'config.revision_conflict': entry(412, 'What this change touches has changed meanwhile'),
  'config.exists': entry(409, 'A resource of that name exists'),
  'config.not_owned': entry(409, 'This belongs to somebody else'),
  'config.not_found': entry(404, 'There is no such resource'),
  'config.shrinks': entry(409, 'Much of what is served would go'),
  'config.guardrail': entry(400, 'A guardrail forbids this'),
  'config.store_writable': entry(409, 'The configuration can be changed: this is made as a revision'),
  'config.unreadable': entry(500, 'A revision in the store cannot be read'),
  'config.refused_by_edge': entry(409, 'An edge refused this revision'),
  'admin.unauthenticated': entry(401, 'A valid admin token is needed'),
  'admin.forbidden': entry(403, 'This role may not do that'),

  'internal.starting': entry(503, 'The gateway has no configuration yet'),
  'internal.draining': entry(503, 'The gateway is shutting down'),
  'internal.overloaded': entry(503, 'The gateway has more to do than it can at the moment'),
  'internal.unexpected': entry(500, 'Something unexpected happened in the gateway'),
  'internal.invariant_broken': entry(500, 'The gateway found itself in a state that must not be'),
} as const satisfies Record<string, CatalogueEntry>

export type ErrorCode = keyof typeof catalogue

export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(catalogue, code)
}

/** The part of the code before the dot: who has to look at it. */
export function sourceOf(code: ErrorCode): ErrorSource {
  const source = code.slice(0, code.indexOf('.'))
  return source === 'admin' ? 'client' : (source as ErrorSource)
}
