/**
 * What a policy sees of one request and its response. It is the edge's own object behind this face, never Node's
 * request and response, so that the transport can be replaced under it.
 */
import type { X509Certificate } from 'node:crypto'
import type { HeaderFields } from '@sluice/http'

export interface Exchange {
  /** Kept from a trusted client or made here; sent both ways as `X-Request-ID`. */
  requestId: string
  readonly client: ClientFacts
  readonly request: RequestFacts
  /** Set from the response hooks on. */
  response: ResponseFacts | undefined
  /** The path parameters of the matched route, spelled as in the normalised path: escapes are kept. */
  readonly parameters: Readonly<Record<string, string>>
  readonly route: RouteFacts
  /** Who the caller is known to be; set by an identity policy. */
  identity: Identity | undefined
  /** What each limit on the way said, in order; the edge writes the response fields from it. */
  readonly limits: LimitStatement[]
  /** Fields for the response, whatever it will be: the upstream's, an answer or an error. Flat `[name, value, …]`. */
  readonly responseFields: string[]
  /** What the client has shown in its TLS handshake; the same object for a whole connection. */
  readonly clientCertificate: ClientCertificate | undefined
  /**
   * The request's body as a whole, read ahead and sent on all the same. Undefined when it is longer than that, or the client
   * leaves meanwhile: then the policy has to end the walk.
   */
  readBody(maxBytes: number): Promise<Buffer | undefined>
  /** Its response has been sent or its client has left; a policy that was still waiting need not go on. */
  readonly isOver: boolean
}

export interface ClientFacts {
  /** The client's address behind trusted proxies, without port. */
  readonly address: string
  /** Whether the connection's peer is in `trustedProxies`. */
  readonly trusted: boolean
  /** `http` or `https`, as the client used it. */
  readonly scheme: string
}

export interface ClientCertificate {
  /** The client's own first, then those that lead on from it. */
  readonly chain: readonly X509Certificate[]
  /** Why TLS found no way from it to an authority that some policy names, all in date when it was shown; undefined: it did. */
  readonly problem: string | undefined
}

export interface RequestFacts {
  readonly method: string
  /** The normalised path; a policy may set what is sent upstream. */
  path: string
  /** What follows `?`, byte for byte, without the `?`; empty when there is none. A policy may set it. */
  query: string
  /** Host without port, lower case. */
  readonly host: string
  readonly headers: HeaderFields
  /** The bytes of path and query as the client sent them. */
  readonly target: string
  /** From Content-Length; undefined when the length is not known ahead (chunked); 0 without a body. */
  readonly declaredBytes: number | undefined
}

export interface ResponseFacts {
  status: number
  readonly headers: HeaderFields
}

export interface RouteFacts {
  readonly name: string
  /** The path as the route writes it: `/api/users/{user_id}`; for logs and metrics. */
  readonly template: string
  readonly methods: readonly string[] | undefined
}

export interface Identity {
  readonly consumer: string
  readonly groups: readonly string[]
  /** Id of the credential, never the secret. */
  readonly credential: string
  readonly method: string
  readonly claims: Readonly<Record<string, unknown>> | undefined
  readonly scopes: readonly string[]
  /**
   * False: the token is good, but auth could not be asked which consumer its subject is, so `groups` is not known.
   * Whoever decides by groups answers 503 then, never by guess.
   */
  readonly resolved: boolean
}

export interface LimitStatement {
  readonly name: string
  readonly limit: number
  readonly windowSeconds: number
  readonly burst: number
  readonly remaining: number
  readonly resetSeconds: number
  /**
   * For the access record: `admitted`, `delayed`, `refused`, what a limit in shadow would have done, or how it was
   * decided while the counters were away.
   */
  readonly outcome: 'admitted' | 'delayed' | 'refused' | 'would_admit' | 'would_refuse' | 'open' | 'local'
  /** Not told to the client: a limit in shadow, or one that knows no window. */
  readonly isHidden?: true
}
